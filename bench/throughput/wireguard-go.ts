/**
 * wireguard-go, WireGuard in user space: the program of this Debian, or another one.
 *
 * Contract: one process per gateway, configured by `wg`. Its control sockets have a place that all namespaces share, so
 * the device's name carries the id of this process.
 */
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Side } from '../../lab/addressing.ts';
import type { Child } from '../../lab/child.ts';
import { run } from '../../lab/command.ts';
import type { Lab } from '../../lab/lab.ts';
import type { Sites } from '../../lab/sites.ts';
import type { Contender } from './contender.ts';
import { farSide, gatewayOf, outsideOf, routeInto } from './peer-gateway.ts';

const PORT = 51_820;
const SOCKETS = '/var/run/wireguard';
const START_MILLIS = 5_000;

/** A function of the releases that send and receive UDP with the kernel's offloads; `--version` does not tell them apart. */
const OFFLOAD_FUNCTION = 'supportsUDPOffload';

/** @param program its path; @param origin where it comes from, for the title */
export async function wireguardGo(id: string, program: string, origin: string): Promise<Contender> {
  const offloads = readFileSync(program).includes(OFFLOAD_FUNCTION) ? 'with' : 'without';
  await run('wg', ['--version']);
  return {
    id,
    title: `wireguard-go ${origin}, ${offloads} UDP offloads, ChaCha20-Poly1305`,
    async open(lab, sites) {
      const keys = { a: await keyPair(), b: await keyPair() };
      const ends = await Promise.all([
        openEnd(lab, sites, 'a', program, { secret: keys.a.secret, farPublic: keys.b.public }),
        openEnd(lab, sites, 'b', program, { secret: keys.b.secret, farPublic: keys.a.public }),
      ]);
      return {
        async close() {
          await Promise.all(ends.map((end) => end.stop()));
        },
      };
    },
  };
}

async function openEnd(
  lab: Lab,
  sites: Sites,
  side: Side,
  program: string,
  keys: { readonly secret: string; readonly farPublic: string },
): Promise<Child> {
  const gateway = gatewayOf(sites, side);
  const device = `bswg${side}${process.pid}`;
  const removeSocket = () => rmSync(`${SOCKETS}/${device}.sock`, { force: true });
  lab.onRemoval({ gracefully: async () => removeSocket(), now: removeSocket });
  const child = await gateway.spawn(program, ['-f', device], { env: { ...process.env, LOG_LEVEL: 'error' } });
  const deadline = performance.now() + START_MILLIS;
  while (!(await gateway.hasInterface(device))) {
    if (performance.now() > deadline) throw new Error(`${program} made no device\n${child.output}`);
    await sleep(25);
  }
  const input = `[Interface]
PrivateKey = ${keys.secret}
ListenPort = ${PORT}
[Peer]
PublicKey = ${keys.farPublic}
Endpoint = ${outsideOf(sites, farSide(side))}:${PORT}
AllowedIPs = 0.0.0.0/0
`;
  // wg opens its input by name, which works with a pipe only.
  await gateway.run('sh', ['-c', 'cat | wg setconf "$0" /dev/stdin', device], { input });
  await routeInto(sites, side, device);
  return child;
}

async function keyPair(): Promise<{ secret: string; public: string }> {
  const secret = (await run('wg', ['genkey'])).stdout.trim();
  return { secret, public: (await run('wg', ['pubkey'], { input: secret })).stdout.trim() };
}
