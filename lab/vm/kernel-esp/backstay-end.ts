/**
 * Backstay's packet path as one end of an ESP tunnel in UDP: a packet worker with given keys, in a process of its own.
 *
 * Contract: `open` resolves when the worker runs and its TUN device has its addresses and routes; `finish` ends it
 * and resolves to its counters. The peer is told no more than any IPsec peer: inner checksums are complete.
 */
import type { TunnelCounter, WorkerCounter } from '../../../src/dataplane/counters.ts';
import { parseIpAddress } from '../../../src/network/ip-address.ts';
import type { Child } from '../../child.ts';
import type { EspKeys } from '../../esp-reference.ts';
import type { Namespace } from '../../namespace.ts';
import { espPort, type InnerEnd } from './kernel-end.ts';

export type BackstayEndOptions = {
  readonly interface: string;
  readonly local: string;
  readonly remote: string;
  readonly inner: InnerEnd;
  readonly remoteInner: InnerEnd;
  readonly send: EspKeys;
  readonly receive: EspKeys;
};

export type BackstayCounters = {
  readonly tunnel: Readonly<Record<TunnelCounter, number>>;
  readonly worker: Readonly<Record<WorkerCounter, number>>;
};

const tunName = 'bs-judged';
/** What an outer MTU of 1500 leaves over IPv6. */
const innerMtu = 1416;
/** Node.js takes some 3 s to start on the emulated processor. */
const startMillis = 30_000;

export class BackstayEnd {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static async open(namespace: Namespace, options: BackstayEndOptions): Promise<BackstayEnd> {
    const program = new URL('../../packet-path.ts', import.meta.url).pathname;
    const child = await namespace.spawn(process.execPath, [
      ...steady,
      program,
      JSON.stringify(packetPathOptions(options)),
    ]);
    await child.waitFor(/^ready$/m, startMillis);
    await namespace.ip(
      `link set ${tunName} up mtu ${innerMtu}`,
      ...(['ipv4', 'ipv6'] as const).flatMap((version) => [
        `address add ${options.inner[version]} dev ${tunName}`,
        `route add ${options.remoteInner[version]} dev ${tunName} src ${options.inner[version]}`,
      ]),
    );
    return new BackstayEnd(child);
  }

  async finish(): Promise<BackstayCounters> {
    this.#child.closeInput();
    const [counters] = await this.#child.waitFor(/^\{"tunnel".*\}$/m);
    await this.#child.exited;
    return JSON.parse(counters) as BackstayCounters;
  }
}

/** As `bin/backstay` starts it. */
const steady = ['--no-wasm-dynamic-tiering'];

/** As lab/packet-path.ts takes them. */
function packetPathOptions(options: BackstayEndOptions): object {
  const ends = { local: hex(options.local), remote: hex(options.remote) };
  return {
    tun: tunName,
    spiIn: options.receive.spi,
    spiOut: options.send.spi,
    keyIn: Buffer.concat([options.receive.key, options.receive.salt]).toString('hex'),
    keyOut: Buffer.concat([options.send.key, options.send.salt]).toString('hex'),
    finish: true,
    innerSources: [
      { hex: hex(options.remoteInner.ipv4), length: 32 },
      { hex: hex(options.remoteInner.ipv6), length: 128 },
    ],
    paths: [{ interface: options.interface, ...ends, port: espPort, remotePort: espPort }],
  };
}

function hex(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined) throw new Error(`${address} is no IP address`);
  return Buffer.from(parsed.bytes).toString('hex');
}
