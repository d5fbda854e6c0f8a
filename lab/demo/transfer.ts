/**
 * One file from host A to host B by plain TCP, watched from outside.
 *
 * Contract: `progress` is at most 0.1 s old. `finished` resolves when the file is complete on the other side, and
 * rejects with what the two programs said when one of them fails.
 */
import { join } from 'node:path';
import { hostInside } from '../addressing.ts';
import type { Child } from '../child.ts';
import type { Sites } from '../sites.ts';
import { type ArrivalSummary, Arrivals } from './arrivals.ts';
import type { ReceiverLine } from './receiver-line.ts';

const PORT = 7000;

export class Transfer {
  progress: ArrivalSummary = new Arrivals().summary;
  readonly finished: Promise<ArrivalSummary>;
  readonly #receiver: Child;
  readonly #sender: Child;
  #done = false;

  private constructor(receiver: Child, sender: Child) {
    this.#receiver = receiver;
    this.#sender = sender;
    receiver.onLine((line) => this.#accept(JSON.parse(line) as ReceiverLine));
    this.finished = this.#finish();
  }

  static async start(sites: Sites, source: string, destination: string): Promise<Transfer> {
    const { v4 } = hostInside('b');
    const arguments_ = (program: string, file: string) => [
      join(import.meta.dirname, program),
      v4,
      `${PORT}`,
      file,
    ];
    const receiver = await sites.hostB.spawn(process.execPath, arguments_('receiver-main.ts', destination));
    await receiver.waitFor(/listening/);
    const sender = await sites.hostA.spawn(process.execPath, arguments_('sender-main.ts', source));
    return new Transfer(receiver, sender);
  }

  /** The file is complete at the other side. */
  get done(): boolean {
    return this.#done;
  }

  async #finish(): Promise<ArrivalSummary> {
    const [sent, received] = await Promise.all([this.#sender.exited, this.#receiver.exited]);
    if (sent.status !== 0 || received.status !== 0 || !this.#done) {
      throw new Error(`the transfer failed\n${this.#sender.output}${this.#receiver.output}`);
    }
    return this.progress;
  }

  #accept(line: ReceiverLine): void {
    if (line.kind === 'listening') return;
    const { kind, ...summary } = line;
    this.progress = summary;
    this.#done = kind === 'done';
  }
}
