/**
 * Numbered datagrams from a host of one site to a host of the other: which came, how often, how far apart.
 *
 * Contract: runs from `start` to `finish`, which gives what was under way time to come.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostInside } from './addressing.ts';
import type { Child } from './child.ts';
import type { NumberedReceived, NumberedSent } from './numbered/numbered-report.ts';
import type { Sites } from './sites.ts';

export type NumberedResult = NumberedReceived & { readonly sent: NumberedSent; readonly missing: number };

/** Longer than any repair takes. */
const LAST_ARRIVALS_MILLIS = 2_000;
export const NUMBERED_PORT = 7400;

export class NumberedStream {
  readonly #sender: Child;
  readonly #receiver: Child;

  private constructor(sender: Child, receiver: Child) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  /** From A to B, inside, over IPv4. */
  static async start(
    sites: Sites,
    pace: { packetsPerSecond: number; bytes: number },
  ): Promise<NumberedStream> {
    const program = (name: string) => join(import.meta.dirname, 'numbered', name);
    const place = [hostInside('b').v4, `${NUMBERED_PORT}`];
    const receiver = await sites.hostB.spawn(process.execPath, [
      program('numbered-receiver-main.ts'),
      ...place,
    ]);
    await receiver.waitFor(/listening/);
    const sender = await sites.hostA.spawn(process.execPath, [
      program('numbered-sender-main.ts'),
      ...place,
      `${pace.packetsPerSecond}`,
      `${pace.bytes}`,
    ]);
    await sender.waitFor(/sending/);
    return new NumberedStream(sender, receiver);
  }

  async finish(): Promise<NumberedResult> {
    this.#sender.closeInput();
    await this.#sender.exited;
    await sleep(LAST_ARRIVALS_MILLIS);
    this.#receiver.closeInput();
    await this.#receiver.exited;
    const sent = reportIn<NumberedSent>(this.#sender);
    const received = reportIn<NumberedReceived>(this.#receiver);
    return { ...received, sent, missing: sent.packets - received.packets };
  }
}

function reportIn<Report>(child: Child): Report {
  const line = child.output.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`no report in: ${child.output}`);
  return JSON.parse(line) as Report;
}
