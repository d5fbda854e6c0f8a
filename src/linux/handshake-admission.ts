/**
 * How many strangers may be in a handshake at the same time.
 *
 * Contract: counts open handshakes in total and per source, so that nobody can fill the gateway's memory before he has
 * shown a pinned key. A source is an IPv4 address or an IPv6 /64, which is what one customer of a provider has.
 */
import { type IpAddress, ipAddressOf, parseIpAddress } from '../network/ip-address.ts';

export type AdmissionLimits = { readonly maxPending: number; readonly maxPendingPerSource: number };

export type Admission =
  | { readonly admitted: true; readonly release: () => void }
  | { readonly admitted: false; readonly reason: 'tooManyPending' | 'tooManyPendingOfSource' };

export class HandshakeAdmission {
  readonly #limits: AdmissionLimits;
  readonly #bySource = new Map<string, number>();
  #pending = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get pending(): number {
    return this.#pending;
  }

  /** `release` may be called again without harm. */
  admit(source: string): Admission {
    const ofSource = this.#bySource.get(source) ?? 0;
    if (ofSource >= this.#limits.maxPendingPerSource)
      return { admitted: false, reason: 'tooManyPendingOfSource' };
    if (this.#pending >= this.#limits.maxPending) return { admitted: false, reason: 'tooManyPending' };
    this.#pending += 1;
    this.#bySource.set(source, ofSource + 1);
    let isHeld = true;
    const release = () => {
      if (isHeld) this.#release(source);
      isHeld = false;
    };
    return { admitted: true, release };
  }

  #release(source: string): void {
    this.#pending -= 1;
    const left = (this.#bySource.get(source) ?? 1) - 1;
    if (left === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, left);
  }
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
