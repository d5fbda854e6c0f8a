/**
 * OpenVPN between two gateways: point to point, TLS with pinned certificates, UDP, AES-256-GCM, packets in user space.
 *
 * Contract: its defaults, or with `fast-io`, which its manual recommends for throughput. Data channel offload is off:
 * what is compared is user space.
 */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Side } from '../../lab/addressing.ts';
import type { Child } from '../../lab/child.ts';
import { run } from '../../lab/command.ts';
import type { Lab } from '../../lab/lab.ts';
import type { Sites } from '../../lab/sites.ts';
import { createIdentity } from '../../src/linux/identity.ts';
import type { Contender } from './contender.ts';
import { farSide, gatewayOf, outsideOf, PEER_MTU, routeInto } from './peer-gateway.ts';

const PORT = 1194;
const DEVICE = 'ovpn0';
const UP_MILLIS = 20_000;

export async function openvpn(tuning: 'defaults' | 'fast-io'): Promise<Contender> {
  const { stdout } = await run('openvpn', ['--version']);
  const version = stdout.match(/\d+\.\d+\.\d+/)?.[0] ?? '(unknown version)';
  return {
    id: tuning === 'fast-io' ? 'openvpn-fast-io' : 'openvpn',
    title: `OpenVPN ${version}${tuning === 'fast-io' ? ' with fast-io' : ''}, UDP, AES-256-GCM, no kernel offload`,
    async open(lab, sites) {
      const identities = makeIdentities(lab);
      const options = tuning === 'fast-io' ? ['--fast-io'] : [];
      const ends = await Promise.all([
        startEnd(sites, 'a', identities, options),
        startEnd(sites, 'b', identities, options),
      ]);
      await Promise.all(ends.map((end) => end.waitFor(/Initialization Sequence Completed/, UP_MILLIS)));
      await Promise.all([routeInto(sites, 'a', DEVICE), routeInto(sites, 'b', DEVICE)]);
      return {
        async close() {
          await Promise.all(ends.map((end) => end.stop()));
        },
      };
    },
  };
}

type OpenvpnIdentity = { readonly file: string; readonly fingerprint: string };

/** Private key and self-signed certificate in one file per side, as the gateways' own. */
function makeIdentities(lab: Lab): Record<Side, OpenvpnIdentity> {
  const directory = mkdtempSync(join(tmpdir(), 'bs-openvpn-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  lab.onRemoval({ gracefully: async () => remove(), now: remove });
  const make = (side: Side): OpenvpnIdentity => {
    const file = join(directory, `${side}.pem`);
    createIdentity(file);
    return { file, fingerprint: new X509Certificate(readFileSync(file)).fingerprint256 };
  };
  return { a: make('a'), b: make('b') };
}

function startEnd(
  sites: Sites,
  side: Side,
  identities: Readonly<Record<Side, OpenvpnIdentity>>,
  options: readonly string[],
): Promise<Child> {
  const { file } = identities[side];
  const role = side === 'a' ? ['--tls-client'] : ['--tls-server', '--dh', 'none'];
  return gatewayOf(sites, side).spawn('openvpn', [
    ...['--dev', DEVICE, '--dev-type', 'tun', '--proto', 'udp', '--port', `${PORT}`, '--verb', '3'],
    ...['--local', outsideOf(sites, side), '--remote', outsideOf(sites, farSide(side))],
    ...[...role, '--cert', file, '--key', file, '--peer-fingerprint', identities[farSide(side)].fingerprint],
    ...['--ifconfig', insideOf(side), insideOf(farSide(side))],
    ...['--cipher', 'AES-256-GCM', '--data-ciphers', 'AES-256-GCM', '--disable-dco'],
    ...['--tun-mtu', `${PEER_MTU}`, ...options],
  ]);
}

function insideOf(side: Side): string {
  return side === 'a' ? '10.255.2.1' : '10.255.2.2';
}
