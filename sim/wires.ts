/**
 * Real UDP sockets on loopback between a packet worker and the virtual links.
 *
 * Each link of an end has the worker's socket and two mouths: sockets by which the far end is heard. A datagram that the
 * worker sends to a mouth is taken out there; one for the worker is sent from the mouth that the far end has at
 * the time, so that a far end whose address changes is a far end that speaks from the other mouth.
 *
 * Contract: a mouth's datagrams come apart, whatever the kernel merged. `take` waits until as many came as the worker
 * sent, so that a history does not depend on how promptly loopback delivers. Everything is closed by `close`.
 */

import type { RemoteAddress } from '../src/dataplane/protocol.ts';
import { Arena } from '../src/linux/arena.ts';
import { DatagramReceiver, RECEIVER_ARENA_BYTES } from '../src/linux/datagram-receiver.ts';
import { DatagramSender } from '../src/linux/datagram-sender.ts';
import { closeFd } from '../src/linux/file-descriptor.ts';
import { SOCKET_ADDRESS_LENGTH, writeSocketAddress } from '../src/linux/socket-address.ts';
import { localPort, openUdpSocket } from '../src/linux/udp-socket.ts';

export const MOUTHS = 2;

const LOOPBACK = Uint8Array.of(127, 0, 0, 1);
const LONGEST_DATAGRAM = 65_536;
/** Loopback delivers at once; after so long (ms) something is wrong with the machine. */
const LOOPBACK_MILLIS = 2_000;

/** One link's sockets at one end. */
export class Wire {
  /** The worker's. */
  readonly fd = openSocket();
  readonly #mouths = Array.from({ length: MOUTHS }, openSocket);
  readonly #ports = this.#mouths.map(localPort);
  readonly #port = localPort(this.fd);
  readonly #shared: SharedWires;

  constructor(shared: SharedWires) {
    this.#shared = shared;
  }

  /** Where the worker finds the far end. */
  remote(mouth: number): RemoteAddress {
    return { address: LOOPBACK, port: this.#ports[mouth] as number };
  }

  /** Sends datagrams, equally long but for the last, to the worker's socket: it receives them merged. */
  give(mouth: number, datagrams: readonly Uint8Array[]): void {
    this.#shared.send(this.#mouths[mouth] as number, this.#port, datagrams);
  }

  /** Takes `count` datagrams that the worker sent. */
  take(count: number, each: (mouth: number, bytes: Uint8Array) => void): void {
    const until = performance.now() + LOOPBACK_MILLIS;
    let taken = 0;
    while (taken < count) {
      for (let mouth = 0; mouth < MOUTHS; mouth++) {
        taken += this.#shared.receive(this.#mouths[mouth] as number, (bytes) => each(mouth, bytes));
      }
      if (performance.now() > until) throw new Error(`loopback delivered ${taken} datagrams of ${count}`);
    }
    if (taken > count) throw new Error(`${taken} datagrams came where ${count} were counted as sent`);
  }

  /** Forgets what is in the sockets. */
  drain(): void {
    for (const fd of [this.fd, ...this.#mouths]) {
      while (this.#shared.receive(fd, () => {}) > 0);
    }
  }

  close(): void {
    for (const fd of [this.fd, ...this.#mouths]) closeFd(fd);
  }
}

/** What all wires need once. */
export class SharedWires {
  readonly #arena = new Arena(RECEIVER_ARENA_BYTES + LONGEST_DATAGRAM + 64 * 1024);
  readonly #receiver = new DatagramReceiver(this.#arena);
  readonly #sender = new DatagramSender(this.#arena);
  readonly #name = this.#arena.reserve(SOCKET_ADDRESS_LENGTH);
  readonly #out = this.#arena.reserve(LONGEST_DATAGRAM);

  send(fd: number, port: number, datagrams: readonly Uint8Array[]): void {
    const nameLength = writeSocketAddress(this.#arena, this.#name, LOOPBACK, port);
    let length = 0;
    for (const bytes of datagrams) {
      this.#arena.bytes.set(bytes, this.#out + length);
      length += bytes.length;
    }
    const size = datagrams[0]?.length ?? 0;
    if (this.#sender.send(fd, this.#name, nameLength, this.#out, length, size, true)) return;
    throw new Error(`loopback refused datagrams (errno ${this.#sender.error})`);
  }

  /** @returns how many datagrams there were */
  receive(fd: number, each: (bytes: Uint8Array) => void): number {
    const filled = Math.max(0, this.#receiver.receive(fd));
    let count = 0;
    for (let slot = 0; slot < filled; slot++) {
      const offset = this.#receiver.offset(slot);
      const length = this.#receiver.length(slot);
      const size = this.#receiver.datagramSize(slot);
      for (let at = 0; at < length; at += size) {
        each(this.#arena.bytes.slice(offset + at, offset + Math.min(length, at + size)));
        count++;
      }
    }
    this.#receiver.rearm(filled);
    return count;
  }
}

function openSocket(): number {
  return openUdpSocket({ interfaceName: 'lo', address: LOOPBACK, port: 0, mark: 0 });
}
