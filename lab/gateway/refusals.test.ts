/** Everything that keeps a daemon from starting ends in one line that says what and what to do; nothing is changed. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { createIdentity } from '../../src/linux/identity.ts';
import type { Child } from '../child.ts';
import { type GatewayFiles, gatewayFiles, tunnelInterface, writeGatewayConfigs } from '../gateway-configs.ts';
import { Lab } from '../lab.ts';
import { openSites, type Sites } from '../sites.ts';
import { assertRefused, attempt, program, withMounts } from './refusal.ts';

const NOBODY = 65_534;
const fingerprints = { a: `SHA256:${'A'.repeat(43)}`, b: `SHA256:${'E'.repeat(43)}` };

type Draft = { readonly gateway: object; readonly links: Readonly<Record<string, object>> };

/** Runs what follows on a kernel where a system call fails. */
function faulty(call: string, error: string, ...more: readonly string[]): string[] {
  const quiet = ['-f', '-qq', '--seccomp-bpf', '-o', '/dev/null'];
  return ['strace', ...quiet, '-e', `trace=${call}`, '-e', `inject=${call}:error=${error}`, ...more];
}

describe('a daemon that cannot start', () => {
  let lab: Lab;
  let sites: Sites;
  let directory: string;
  let files: GatewayFiles;
  before(async () => {
    lab = await Lab.open('refusals');
    sites = await openSites(lab, { profile: 'fast' });
    directory = mkdtempSync(join(tmpdir(), 'bs-refusals-'));
    // Others may look in, as below /etc.
    chmodSync(directory, 0o755);
    files = writeGatewayConfigs(sites, directory, { fingerprints }).b;
    createIdentity(gatewayFiles(directory, 'b').identity);
  });
  after(async () => {
    await lab?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  /** The configuration with other settings of the gateway and of its first link. */
  function changed(name: string, gateway: object, link: object = {}): string {
    const draft = parse(readFileSync(files.config, 'utf8')) as Draft;
    const links = { ...draft.links, link0: { ...draft.links['link0'], ...link } };
    const path = join(directory, `${name}.yaml`);
    writeFileSync(path, stringify({ ...draft, gateway: { ...draft.gateway, ...gateway }, links }));
    return path;
  }

  /** A program that has what the daemon needs; ended with the test. */
  async function holding(words: readonly string[], use: () => Promise<void>): Promise<void> {
    const [first = '', ...rest] = words;
    const holder: Child = await sites.gatewayB.spawn(first, rest);
    try {
      await holder.waitFor(/holding/);
      await use();
    } finally {
      await holder.stop();
    }
  }

  function script(text: string): string[] {
    return [
      process.execPath,
      '--input-type=module',
      '-e',
      `${text}; console.log('holding'); setInterval(() => {}, 1000);`,
    ];
  }

  it('for its configuration', async () => {
    const wrong = changed('wrong', {}, { port: 70_000, colour: 'red' });
    await assertRefused(sites.gatewayB, wrong, {
      code: 'BS_CONFIG_INVALID',
      names: /wrong\.yaml:\d+:\d+.*port/,
    });
    await assertRefused(sites.gatewayB, join(directory, 'no.yaml'), {
      code: 'BS_CONFIG_UNREADABLE',
      names: /no\.yaml/,
    });
    await assertRefused(sites.gatewayB, directory, { code: 'BS_CONFIG_UNREADABLE', names: /directory/ });
  });

  it('for its identity', async () => {
    const withIdentity = (identity: string) => changed('identity', { identity: identity });
    const missing = withIdentity(join(directory, 'no.pem'));
    await assertRefused(sites.gatewayB, missing, { code: 'BS_IDENTITY_MISSING', names: /no\.pem.*keygen/ });
    const exposed = join(directory, 'exposed.pem');
    copyFileSync(files.identity, exposed);
    chmodSync(exposed, 0o640);
    await assertRefused(sites.gatewayB, withIdentity(exposed), {
      code: 'BS_IDENTITY_EXPOSED',
      names: /chmod 600/,
    });
    const damaged = join(directory, 'damaged.pem');
    writeFileSync(damaged, readFileSync(files.identity, 'utf8').replace(/\n.{20}/, '\n'), {
      mode: 0o600,
    });
    await assertRefused(sites.gatewayB, withIdentity(damaged), {
      code: 'BS_IDENTITY_INVALID',
      names: /damaged\.pem/,
    });
  });

  it('for want of privileges', async () => {
    const identity = join(directory, 'nobody.pem');
    copyFileSync(files.identity, identity);
    chmodSync(identity, 0o600);
    chownSync(identity, NOBODY, NOBODY);
    const config = changed('nobody', { identity: identity });
    const under = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    await assertRefused(sites.gatewayB, config, {
      code: 'BS_PRIVILEGE_MISSING',
      names: /CAP_NET_ADMIN/,
      under,
    });
    await assertRefused(sites.gatewayB, changed('others', {}), { code: 'BS_IDENTITY_UNREADABLE', under });
  });

  it('for want of TUN devices', async () => {
    const absent = withMounts('mount -t tmpfs none /dev/net');
    await assertRefused(sites.gatewayB, files.config, {
      code: 'BS_TUN_UNAVAILABLE',
      names: /\/dev\/net\/tun/,
      under: absent,
    });
    const wrong = withMounts('mount --bind /dev/null /dev/net/tun');
    await assertRefused(sites.gatewayB, files.config, {
      code: 'BS_TUN_UNAVAILABLE',
      names: /\/dev\/net\/tun/,
      under: wrong,
    });
  });

  it('on a kernel that is too old', async () => {
    const under = faulty('ioctl', 'EINVAL:when=2', '-P', '/dev/net/tun');
    await assertRefused(sites.gatewayB, files.config, {
      code: 'BS_KERNEL_TOO_OLD',
      names: /TUNSETVNETHDRSZ/,
      under,
    });
  });

  it('when its packet worker fails', async () => {
    // Only the worker sleeps by this call.
    const under = faulty('epoll_wait', 'EBADF:when=1+');
    await assertRefused(sites.gatewayB, files.config, {
      code: 'BS_INTERNAL',
      names: /packet worker.*epoll/,
      under,
    });
  });

  it('without the programs of the system', async () => {
    const under = withMounts('for file in /bin/ip /usr/bin/ip; do mount --bind /dev/null "$file"; done');
    await assertRefused(sites.gatewayB, files.config, {
      code: 'BS_PROGRAM_MISSING',
      names: /program ip/,
      under,
    });
  });

  it('where another program has the UDP or the TCP port', async () => {
    const { v4, v6 } = sites.link(1).plan.b.address;
    const udp = script(`import { createSocket } from 'node:dgram';
      const socket = createSocket('udp4'); await new Promise((done) => socket.bind(4500, '${v4}', done))`);
    await holding(udp, () =>
      assertRefused(sites.gatewayB, files.config, {
        code: 'BS_ADDRESS_IN_USE',
        names: /wan1 port 4500.*UDP/,
      }),
    );
    const tcp = script(`import { createServer } from 'node:net';
      const server = createServer(); await new Promise((done) => server.listen(4500, '${v6}', done))`);
    await holding(tcp, () =>
      assertRefused(sites.gatewayB, files.config, {
        code: 'BS_ADDRESS_IN_USE',
        names: /tcp \[2001:db8:101::2\]:4500/,
      }),
    );
  });

  it("where the tunnel's interface belongs to somebody else", async () => {
    await sites.gatewayB.ip(`link add ${tunnelInterface} type bridge`);
    await assertRefused(sites.gatewayB, files.config, {
      code: 'BS_INTERFACE_FOREIGN',
      names: new RegExp(tunnelInterface),
    });
    await sites.gatewayB.ip(`link delete ${tunnelInterface}`);
    await sites.gatewayB.ip(`tuntap add ${tunnelInterface} mode tap`);
    await assertRefused(sites.gatewayB, files.config, {
      code: 'BS_INTERFACE_FOREIGN',
      names: new RegExp(tunnelInterface),
    });
    await sites.gatewayB.ip(`link delete ${tunnelInterface}`);
    const tun = script(`import { openTun } from '${join(import.meta.dirname, '../../src/linux/tun.ts')}';
      openTun('${tunnelInterface}')`);
    await holding(tun, () =>
      assertRefused(sites.gatewayB, files.config, {
        code: 'BS_TUN_BUSY',
        names: new RegExp(tunnelInterface),
      }),
    );
    await sites.gatewayB.ip(`link delete ${tunnelInterface}`);
  });

  it('beside another daemon', async () => {
    const daemon = await sites.gatewayB.spawn(program, ['run', '--config', files.config]);
    try {
      await daemon.waitFor(/runs as/);
      const sameState = changed('same-state', { socket: join(directory, 'other.sock') });
      await assertRefused(sites.gatewayB, sameState, {
        code: 'BS_ALREADY_RUNNING',
        names: new RegExp(`${daemon.pid}`),
      });
      await assertRefused(sites.gatewayA, sameState, {
        code: 'BS_ALREADY_RUNNING',
        names: new RegExp(`${daemon.pid}`),
      });
      const sameNetwork = changed('same-network', {
        socket: join(directory, 'other.sock'),
        state: join(directory, 'other-state'),
      });
      await assertRefused(sites.gatewayB, sameNetwork, {
        code: 'BS_ALREADY_RUNNING',
        names: /network namespace/,
      });
      assert.ok(daemon.running);
    } finally {
      await daemon.stop();
    }
  });

  it('for its state directory', async () => {
    const readOnly = withMounts(
      `mount --bind ${files.state} ${files.state}`,
      `mount -o remount,ro,bind ${files.state}`,
    );
    await assertRefused(sites.gatewayB, files.config, {
      code: 'BS_STATE_UNWRITABLE',
      names: /lock/,
      under: readOnly,
    });
    const file = changed('state-file', { state: files.identity });
    await assertRefused(sites.gatewayB, file, { code: 'BS_STATE_UNWRITABLE', names: /identity\.pem/ });
    const deep = changed('state-deep', { state: join(directory, 'no', 'such', 'place') });
    await assertRefused(sites.gatewayB, deep, { code: 'BS_STATE_UNWRITABLE', names: /no\/such\/place/ });
  });

  it('for its control socket', async () => {
    const occupied = join(directory, 'occupied.sock');
    writeFileSync(occupied, '');
    const withSocket = (socket: string) => changed('socket', { socket: socket });
    await assertRefused(sites.gatewayB, withSocket(occupied), {
      code: 'BS_SOCKET_UNUSABLE',
      names: /occupied\.sock/,
    });
    await assertRefused(sites.gatewayB, withSocket(join(occupied, 'below.sock')), {
      code: 'BS_SOCKET_UNUSABLE',
    });
  });

  it('because its command line is not understood', async () => {
    const { status, stderr } = await attempt(sites.gatewayB, [program, 'run', '--colour']);
    assert.equal(status, 2);
    assert.match(stderr, /^BS_USAGE .*--colour.*--help`\.\n$/);
    const keyLog = await attempt(sites.gatewayB, [
      program,
      'run',
      '-c',
      files.config,
      '--test-key-log',
      directory,
    ]);
    assert.equal(keyLog.status, 2);
    assert.match(keyLog.stderr, /^BS_USAGE .*key log.*\n$/);
  });
});
