/**
 * One TCP connection from a host of one site to a host of the other, carrying random bytes while a test does its worst.
 *
 * Contract: runs from `start` to `finish`, which throws when the connection broke or when other bytes came out than
 * went in. The pace is low enough for any link of the laboratory.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { hostInside, type Side } from '../addressing.ts';
import type { Child } from '../child.ts';
import type { Namespace } from '../namespace.ts';
import type { Sites } from '../sites.ts';
import type { ReceiverReport, SenderReport } from './stream/stream-report.ts';

export type TcpStreamOptions = {
  /** Default A to B. */
  readonly towards?: Side;
  /** Inside; default v4. */
  readonly family?: 'v4' | 'v6';
  readonly bytesPerSecond?: number;
};

/** 16 Mbit/s: some hundred packets between any two events of a test, and little work for the machine. */
const DEFAULT_BYTES_PER_SECOND = 2_000_000;
/** Streams of several tests may be open on the same host. */
let nextPort = 7100;

export class TcpStream {
  readonly #sender: Child;
  readonly #receiver: Child;
  /** Where the receiver listens. */
  readonly #place: { readonly namespace: Namespace; readonly port: number };

  private constructor(sender: Child, receiver: Child, namespace: Namespace, port: number) {
    this.#sender = sender;
    this.#receiver = receiver;
    this.#place = { namespace, port };
  }

  static async start(sites: Sites, options: TcpStreamOptions = {}): Promise<TcpStream> {
    const { towards = 'b', family = 'v4', bytesPerSecond = DEFAULT_BYTES_PER_SECOND } = options;
    const [from, to] = towards === 'b' ? [sites.hostA, sites.hostB] : [sites.hostB, sites.hostA];
    const port = nextPort++;
    const place = [hostInside(towards)[family], `${port}`];
    const program = (name: string) => join(import.meta.dirname, 'stream', name);
    const receiver = await to.spawn(process.execPath, [program('stream-receiver-main.ts'), ...place]);
    await receiver.waitFor(/listening/);
    const sender = await from.spawn(process.execPath, [
      program('stream-sender-main.ts'),
      ...place,
      `${bytesPerSecond}`,
    ]);
    await sender.waitFor(/connected/);
    return new TcpStream(sender, receiver, to, port);
  }

  /** What the receiver's kernel has taken so far. */
  async bytesSoFar(): Promise<number> {
    const { namespace, port } = this.#place;
    const { stdout } = await namespace.run('ss', ['-Htin', `sport = :${port}`]);
    return Number(/bytes_received:(\d+)/.exec(stdout)?.[1] ?? 0);
  }

  /** Ends the stream and waits until the last byte has come. */
  async finish(): Promise<ReceiverReport> {
    this.#sender.closeInput();
    const [sent, received] = await Promise.all([this.#sender.exited, this.#receiver.exited]);
    const said = `${this.#sender.output}${this.#receiver.output}`;
    assert.deepEqual([sent.status, received.status], [0, 0], `the stream broke\n${said}`);
    const senderReport = reportIn<SenderReport>(this.#sender);
    const receiverReport = reportIn<ReceiverReport>(this.#receiver);
    assert.ok(receiverReport.bytes > 0, 'the stream carried something');
    assert.equal(receiverReport.bytes, senderReport.bytes);
    assert.equal(receiverReport.sha256, senderReport.sha256);
    return receiverReport;
  }

  /** Ends it, whatever has become of it; nothing when it has ended. */
  abort(): void {
    this.#sender.killNow();
    this.#receiver.killNow();
  }
}

function reportIn<Report>(child: Child): Report {
  const line = child.output.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`no report in: ${child.output}`);
  return JSON.parse(line) as Report;
}
