/**
 * Tells the journal about refused handshakes without letting strangers fill it.
 *
 * Contract: the first refusal of a source is told at once; what follows in the same 10 s is counted and told as one at
 * their end. At most `maxSources` sources are kept apart, the others count together as "others".
 */

export type RefusalReason =
  | 'tooManyPending'
  | 'tooManyPendingOfSource'
  | 'handshakeTimeout'
  | 'handshakeFailed'
  | 'noCertificate'
  | 'wrongProtocol'
  | 'resumed'
  | 'unknownKey'
  | 'linkBrokenOff'
  | 'linkMalformed'
  | 'linkTooLate'
  | 'linkUnknownPath'
  | 'linkWrongAnswer';

export type HandshakeRefusal = {
  /** An IPv4 address, an IPv6 /64, or "others". */
  readonly address: string;
  readonly reason: RefusalReason;
  /** The key that was shown, if one was. */
  readonly fingerprint: string | undefined;
  /** The TLS library's code. */
  readonly code: string | undefined;
  /** How many refusals of the source this stands for; the rest is the last one's. */
  readonly count: number;
};

export const refusalWindowMillis = 10_000;

/** A few hundred lines in 10 s are what a journal takes without losing the rest of the story. */
const maxSources = 128;

const otherSources = 'others';

/** Nothing that a stranger can choose freely. */
export type RefusalDetail = { readonly fingerprint?: string | undefined; readonly code?: string };

type Unsaid = { last: Omit<HandshakeRefusal, 'count'>; count: number };

export class HandshakeRefusals {
  readonly #tell: (refusal: HandshakeRefusal) => void;
  readonly #sources = new Map<string, Unsaid>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (refusal: HandshakeRefusal) => void) {
    this.#tell = tell;
  }

  add(source: string, reason: RefusalReason, detail: RefusalDetail = {}): void {
    const isKept = this.#sources.has(source) || this.#sources.size < maxSources;
    const key = isKept ? source : otherSources;
    const refusal = { address: key, reason, fingerprint: detail.fingerprint, code: detail.code };
    const unsaid = this.#sources.get(key);
    if (unsaid !== undefined) {
      unsaid.last = refusal;
      unsaid.count += 1;
      return;
    }
    this.#sources.set(key, { last: refusal, count: 0 });
    this.#tell({ ...refusal, count: 1 });
    this.#timer ??= setTimeout(() => this.flush(), refusalWindowMillis).unref();
  }

  /** Tells what was counted, and starts anew. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const counted = [...this.#sources.values()].filter((unsaid) => unsaid.count > 0);
    this.#sources.clear();
    for (const { last, count } of counted) this.#tell({ ...last, count });
  }
}
