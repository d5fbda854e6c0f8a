/**
 * Cuts a byte stream into bundle messages.
 *
 * Contract: takes chunks of any size in any division and gives the same messages as for the whole stream at once. It
 * holds at most one unfinished message, and grows only with bytes that really came, never with an announced length.
 * After the first bad header the stream has no recognisable borders any more: every later call repeats the problem.
 * Bodies are copies; the caller may reuse its chunk.
 */
import {
  type BundleHeader,
  bundleHeaderBytes,
  decodeBundleHeader,
  type HeaderProblem,
  maxControlMessageBytes,
} from './bundle-header.ts';

export type Frame = { readonly messageId: number; readonly type: number; readonly body: Uint8Array };

export type DeframerResult = {
  readonly frames: readonly Frame[];
  readonly problem: HeaderProblem | undefined;
};

export class Deframer {
  readonly #maxMessageBytes: number;
  #buffer: Uint8Array = new Uint8Array(bundleHeaderBytes);
  #pendingBytes = 0;
  #header: BundleHeader | undefined;
  #problem: HeaderProblem | undefined;

  constructor(maxMessageBytes = maxControlMessageBytes) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes held for a message that is not complete yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  push(chunk: Uint8Array): DeframerResult {
    const frames: Frame[] = [];
    let rest = chunk;
    while (this.#problem === undefined && rest.length > 0) {
      rest = this.#fill(rest);
      const frame = this.#take();
      if (frame !== undefined) frames.push(frame);
    }
    return { frames, problem: this.#problem };
  }

  /** Moves the bytes that the current header or body still lacks; returns what is left of the chunk. */
  #fill(chunk: Uint8Array): Uint8Array {
    const wanted = this.#header?.length ?? bundleHeaderBytes;
    const taken = chunk.subarray(0, wanted - this.#pendingBytes);
    this.#reserve(this.#pendingBytes + taken.length);
    this.#buffer.set(taken, this.#pendingBytes);
    this.#pendingBytes += taken.length;
    return chunk.subarray(taken.length);
  }

  /** Doubles, so that a message that comes byte by byte is copied a few times only. */
  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(bytes, this.#buffer.length * 2));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  #take(): Frame | undefined {
    if (this.#header === undefined && this.#pendingBytes === bundleHeaderBytes) this.#readHeader();
    const header = this.#header;
    if (header === undefined || this.#pendingBytes < header.length) return undefined;
    const body = this.#buffer.slice(bundleHeaderBytes, header.length);
    this.#forget();
    return { messageId: header.messageId, type: header.type, body };
  }

  #readHeader(): void {
    const result = decodeBundleHeader(this.#buffer, this.#maxMessageBytes);
    if (result.ok) {
      this.#header = result.header;
    } else {
      this.#problem = result.problem;
      this.#forget();
    }
  }

  #forget(): void {
    this.#buffer = new Uint8Array(bundleHeaderBytes);
    this.#pendingBytes = 0;
    this.#header = undefined;
  }
}
