/**
 * How many strangers may be in a handshake at the same time, and how many may wait for their turn.
 *
 * Contract: counts open handshakes in total and per source, so that nobody can fill the gateway's memory before he has
 * shown a pinned key. A source is an IPv4 address or an IPv6 /64, which is what one customer of a provider has; many sites
 * may be behind one, so who comes while all its places are taken waits, the first come first. Who waits is given up by its
 * `release`, which is the caller's to bound in time.
 */
import { type IpAddress, ipAddressOf, parseIpAddress } from '../network/ip-address.ts';

export type AdmissionLimits = {
  readonly maxPending: number;
  readonly maxPendingPerSource: number;
  readonly maxWaiting: number;
  readonly maxWaitingPerSource: number;
};

export type AdmissionRefusal = 'tooManyPending' | 'tooManyPendingOfSource';

export type Admission =
  | {
      readonly admitted: true;
      /** Why it had to wait, if it had to. */
      readonly waits: AdmissionRefusal | undefined;
      readonly release: () => void;
    }
  | { readonly admitted: false; readonly reason: AdmissionRefusal };

type Waiting = { readonly source: string; readonly enter: () => void };

export class HandshakeAdmission {
  readonly #limits: AdmissionLimits;
  readonly #bySource = new Map<string, number>();
  #pending = 0;
  readonly #waiting: Waiting[] = [];
  readonly #waitingBySource = new Map<string, number>();

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get pending(): number {
    return this.#pending;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * `release` gives back the place, or gives up waiting for it; it may be called again without harm.
   * @param enter called when it has a place: before `admit` returns, or when others have given theirs back
   */
  admit(source: string, enter: () => void): Admission {
    const full = this.#fullFor(source);
    if (full !== undefined && !this.#mayWait(source)) return { admitted: false, reason: full };
    let release = () => this.#leaveLine(waiting);
    const waiting = {
      source,
      enter: () => {
        count(this.#bySource, source, 1);
        this.#pending += 1;
        release = () => this.#leave(source);
        enter();
      },
    };
    if (full === undefined) waiting.enter();
    else this.#joinLine(waiting);
    let isHeld = true;
    return {
      admitted: true,
      waits: full,
      release: () => {
        if (isHeld) release();
        isHeld = false;
      },
    };
  }

  #fullFor(source: string): AdmissionRefusal | undefined {
    if ((this.#bySource.get(source) ?? 0) >= this.#limits.maxPendingPerSource)
      return 'tooManyPendingOfSource';
    return this.#pending >= this.#limits.maxPending ? 'tooManyPending' : undefined;
  }

  #mayWait(source: string): boolean {
    const ofSource = this.#waitingBySource.get(source) ?? 0;
    return this.#waiting.length < this.#limits.maxWaiting && ofSource < this.#limits.maxWaitingPerSource;
  }

  #leave(source: string): void {
    this.#pending -= 1;
    count(this.#bySource, source, -1);
    const next = this.#waiting.find((waiting) => this.#fullFor(waiting.source) === undefined);
    if (next === undefined) return;
    this.#leaveLine(next);
    next.enter();
  }

  #joinLine(waiting: Waiting): void {
    this.#waiting.push(waiting);
    count(this.#waitingBySource, waiting.source, 1);
  }

  #leaveLine(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    count(this.#waitingBySource, waiting.source, -1);
  }
}

function count(bySource: Map<string, number>, source: string, change: 1 | -1): void {
  const left = (bySource.get(source) ?? 0) + change;
  if (left === 0) bySource.delete(source);
  else bySource.set(source, left);
}

/** The source that an address counts for; text that is no address counts as itself. */
export function sourceOf(addressText: string): string {
  const address = parsePlain(addressText);
  if (address === undefined) return addressText;
  if (address.family === 4) return address.text;
  const network = ipAddressOf(address.bytes.map((byte, index) => (index < 8 ? byte : 0)));
  return `${network.text}/64`;
}

/** The canonical text of an address as a socket gives it: without a zone, IPv4 as IPv4. */
export function plainAddress(addressText: string): string {
  return parsePlain(addressText)?.text ?? addressText;
}

function parsePlain(addressText: string): IpAddress | undefined {
  const withoutZone = addressText.replace(/%.*$/, '');
  return parseIpAddress(withoutZone.replace(/^::ffff:(?=\d+\.)/i, ''));
}
