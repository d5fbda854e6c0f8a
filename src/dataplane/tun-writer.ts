/**
 * Hands opened packets to the kernel, as many of one flow at a time as follow one another.
 *
 * Contract: `add` takes a packet that lies in the receive buffers and may keep it until `flush`, which must come before
 * the buffers are used again. Payloads are gathered by one writev; nothing is copied or allocated.
 */
import type { Arena } from '../linux/arena.ts';
import { writevFd } from '../linux/file-descriptor.ts';
import { PacketRun, RUN_CAPACITY } from '../tunnel/offload/packet-run.ts';
import { VIRTIO_HEADER_LENGTH } from '../tunnel/offload/virtio-header.ts';
import { count, tunnelSlot } from './counters.ts';
import type { TunnelPlane } from './tunnel-plane.ts';

const VECTOR_SIZE = 16;

export class TunWriter {
  readonly #arena: Arena;
  readonly #virtio: number;
  readonly #vectors: number;
  readonly #runs: { readonly plain: PacketRun; readonly withUdp: PacketRun };
  #run: PacketRun;
  #tunnel: TunnelPlane | undefined;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#virtio = arena.reserve(16);
    this.#vectors = arena.reserve((RUN_CAPACITY + 1) * VECTOR_SIZE);
    this.#runs = { plain: new PacketRun(arena.data, false), withUdp: new PacketRun(arena.data, true) };
    this.#run = this.#runs.plain;
    this.#vector(0, this.#virtio, VIRTIO_HEADER_LENGTH);
  }

  add(tunnel: TunnelPlane, start: number, length: number, unfinished: boolean): void {
    const run = this.#run;
    if (this.#tunnel === tunnel && run.extend(start, length, unfinished)) {
      this.#vector(run.count, start + run.headerLength, length - run.headerLength);
      return;
    }
    this.flush();
    this.#run = tunnel.udpOffload ? this.#runs.withUdp : this.#runs.plain;
    if (!this.#run.begin(start, length, unfinished)) {
      count(tunnel.counters, tunnelSlot.refusedMalformedInner);
      return;
    }
    this.#tunnel = tunnel;
    this.#vector(1, start, length);
  }

  /** @returns the tunnel to whose device something was written */
  flush(): TunnelPlane | undefined {
    const tunnel = this.#tunnel;
    if (tunnel === undefined) return undefined;
    this.#tunnel = undefined;
    this.#run.seal(this.#virtio);
    const written = writevFd(tunnel.tunFd, this.#arena.address + this.#vectors, this.#run.count + 1);
    count(tunnel.counters, written < 0 ? tunnelSlot.tunWriteFailed : tunnelSlot.tunWrites);
    return tunnel;
  }

  #vector(index: number, offset: number, length: number): void {
    const at = this.#vectors + index * VECTOR_SIZE;
    this.#arena.setPointer(at, this.#arena.address + offset);
    this.#arena.setSize(at + 8, length);
  }
}
