/**
 * Round trips and outages, measured by ICMP echo.
 *
 * Contract: an echo that did not come back by the end counts as lost; each has at least `LINGER_MILLIS`.
 * `longestOutageMillis` is the longest run of lost echoes times the interval: how long a path was away, to the accuracy of
 * the interval.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';
import type { Namespace } from './namespace.ts';

export type PingOptions = {
  readonly address: string;
  /** Address to send from; default the kernel's choice. */
  readonly source?: string;
  /** Default 50. */
  readonly intervalMillis?: number;
  /** Bytes behind the ICMP header; default 56. */
  readonly payloadBytes?: number;
  /** No router may cut them. */
  readonly whole?: boolean;
};

export type PingResult = {
  readonly sent: number;
  readonly received: number;
  readonly lossPercent: number;
  /** In order of arrival; sequence numbers from 1. */
  readonly replies: readonly { readonly sequence: number; readonly millis: number }[];
  readonly medianMillis: number;
  readonly longestOutageMillis: number;
};

const DEFAULT_INTERVAL_MILLIS = 50;

/**
 * ping(8) itself waits for the last echo no longer than for the others, and when it is interrupted not at all: some more
 * are sent behind those that count. A busy machine may take so long to answer.
 */
const LINGER_MILLIS = 300;

/** Sends this many echoes that count, and waits for the last. Loss, even of all, is a result. */
export async function ping(from: Namespace, count: number, options: PingOptions): Promise<PingResult> {
  const sent = count + lingering(options);
  const child = await from.spawn('ping', [...pingArguments(options), '-c', `${sent}`]);
  await child.exited;
  return readPing(child.output, intervalOf(options), lingering(options));
}

/** Sends echoes until `finish` is called. */
export class RunningPing {
  readonly #child: Child;
  readonly #options: PingOptions;

  private constructor(child: Child, options: PingOptions) {
    this.#child = child;
    this.#options = options;
  }

  static async start(from: Namespace, options: PingOptions): Promise<RunningPing> {
    return new RunningPing(await from.spawn('ping', pingArguments(options)), options);
  }

  async finish(): Promise<PingResult> {
    await sleep(LINGER_MILLIS);
    this.#child.signal('SIGINT');
    await this.#child.exited;
    return readPing(this.#child.output, intervalOf(this.#options), lingering(this.#options));
  }
}

function pingArguments({
  address,
  source,
  payloadBytes = 56,
  whole = false,
  ...options
}: PingOptions): string[] {
  const from = source === undefined ? [] : ['-I', source];
  const cutting = whole ? ['-M', 'do'] : [];
  return [
    ...cutting,
    '-n',
    '-i',
    `${intervalOf(options) / 1000}`,
    '-W',
    '1',
    '-s',
    `${payloadBytes}`,
    ...from,
    address,
  ];
}

function lingering(options: PingOptions): number {
  return Math.ceil(LINGER_MILLIS / intervalOf(options));
}

function intervalOf({
  intervalMillis = DEFAULT_INTERVAL_MILLIS,
}: Pick<PingOptions, 'intervalMillis'>): number {
  return intervalMillis;
}

/** Reads what ping (iputils) printed. @param lingering how many of the last echoes do not count */
export function readPing(output: string, intervalMillis: number, lingering = 0): PingResult {
  const totals = output.match(/(\d+) packets transmitted, (\d+) received/);
  if (totals === null) throw new Error(`ping did not measure: ${output}`);
  const sent = Math.max(0, Number(totals[1]) - lingering);
  const replies = [...output.matchAll(/icmp_seq=(\d+) ttl=\d+ time=([\d.]+) ms$/gm)]
    .map((match) => ({ sequence: Number(match[1]), millis: Number(match[2]) }))
    .filter(({ sequence }) => sequence <= sent);
  const received = new Set(replies.map(({ sequence }) => sequence));
  return {
    sent,
    received: received.size,
    lossPercent: sent === 0 ? 0 : (1 - received.size / sent) * 100,
    replies,
    medianMillis: median(replies.map(({ millis }) => millis)),
    longestOutageMillis: longestRunOfLost(sent, received) * intervalMillis,
  };
}

/** NaN when there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

function longestRunOfLost(sent: number, received: ReadonlySet<number>): number {
  let longest = 0;
  let run = 0;
  for (let sequence = 1; sequence <= sent; sequence++) {
    run = received.has(sequence) ? 0 : run + 1;
    longest = Math.max(longest, run);
  }
  return longest;
}
