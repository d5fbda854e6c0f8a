/**
 * A client behind the gateway that keeps one TCP connection to a server in the internet, and asks it something every second.
 *
 *     opening ──answered──▶ open ──asks, repeats with doubled pauses──▶ open
 *        ▲                    └── refused: the server knows no connection from that address ──▶ opening, at once
 *
 * Contract: the kernel says over which link each packet goes. A packet from another address than the connection's first is
 * refused by the server, as of a connection that it does not know.
 */
import type { Draw } from '../draw.ts';
import type { AccessLines } from './access-lines.ts';
import type { Journey } from './journey.ts';
import type { VirtualKernel } from './virtual-kernel.ts';
import type { Timer, VirtualTime } from './virtual-time.ts';

export type ClientParts = {
  readonly time: VirtualTime;
  readonly draw: Draw;
  readonly kernel: VirtualKernel;
  readonly lines: AccessLines;
  readonly journey: Journey;
  /** A number that no connection had before. */
  readonly nextId: () => number;
};

const ASK_MILLIS = 1_000;
/** RFC 6298: of a connection that is being opened, and the bounds of one that is open (as Linux has them). */
const OPENING_MILLIS = 1_000;
const SHORTEST_MILLIS = 300;
const LONGEST_MILLIS = 60_000;
const PACKET_BYTES = 120;

export class PlainClient {
  /** When it was answered last (µs). */
  answeredAt = 0;
  answers = 0;
  readonly #parts: ClientParts;
  #id: number;
  /** From which the server knows it; undefined: it is being opened. */
  #address: string | undefined;
  #waitMillis = OPENING_MILLIS;
  #question = 0;
  #timer: Timer | undefined;

  constructor(parts: ClientParts, beginsMillis: number) {
    this.#parts = parts;
    this.#id = parts.nextId();
    this.#timer = parts.time.after(beginsMillis, () => this.#send());
  }

  /** Of its present connection. */
  get id(): number {
    return this.#id;
  }

  #open(): void {
    this.#parts.kernel.forget(this.#id);
    this.#id = this.#parts.nextId();
    this.#address = undefined;
    this.#waitMillis = OPENING_MILLIS;
    this.#question++;
    this.#send();
  }

  #send(): void {
    const { time, draw, kernel, lines, journey } = this.#parts;
    const tracked = kernel.track(this.#id, draw.between(0, 1));
    time.cancel(this.#timer);
    this.#timer = time.after(this.#waitMillis, () => this.#send());
    this.#waitMillis = Math.min(LONGEST_MILLIS, this.#waitMillis * 2);
    // What was sent from an address that is not there any more is answered to nobody.
    if (tracked === undefined || lines.address(tracked.link) !== tracked.address) return;
    const [question, { link, address }] = [this.#question, tracked];
    journey.thereAndBack(link, PACKET_BYTES, () => {
      if (question !== this.#question || lines.address(link) !== address) return;
      if (this.#address !== undefined && this.#address !== address) this.#open();
      else this.#answered(address);
    });
  }

  #answered(address: string): void {
    const { time } = this.#parts;
    this.#address = address;
    this.answeredAt = time.now;
    this.answers++;
    this.#question++;
    time.cancel(this.#timer);
    this.#timer = time.after(ASK_MILLIS, () => {
      this.#waitMillis = SHORTEST_MILLIS;
      this.#send();
    });
  }
}
