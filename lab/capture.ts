/**
 * Packets of an interface into a pcap file, for a test to read or a person to look at.
 *
 * Contract: `start` returns when the capture runs; what was sent before `stop` is in the file after it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';
import type { Namespace } from './namespace.ts';

export type CaptureOptions = {
  readonly interfaceName: string;
  readonly file: string;
  /** pcap-filter(7) expression; default everything. */
  readonly filter?: string;
};

/** Time for the last packets to come out of the kernel's buffer. */
const SETTLE_MILLIS = 100;

export class Capture {
  readonly #tcpdump: Child;

  private constructor(tcpdump: Child) {
    this.#tcpdump = tcpdump;
  }

  static async start(
    namespace: Namespace,
    { interfaceName, file, filter = '' }: CaptureOptions,
  ): Promise<Capture> {
    // It would give up root and then may not write the file; it lives as long as one test.
    const args = ['-Z', 'root', '-i', interfaceName, '-n', '-U', '--immediate-mode', '-w', file];
    const tcpdump = await namespace.spawn('tcpdump', [...args, ...filter.split(' ').filter(Boolean)]);
    await tcpdump.waitFor(/listening on/);
    return new Capture(tcpdump);
  }

  /** @returns how many packets are in the file */
  async stop(): Promise<number> {
    await sleep(SETTLE_MILLIS);
    this.#tcpdump.signal('SIGINT');
    await this.#tcpdump.exited;
    return Number(this.#tcpdump.output.match(/(\d+) packets? captured/)?.[1] ?? 0);
  }
}
