/**
 * Gives bursts to what carries a path: its link's UDP socket, or its own TCP connection.
 *
 * Contract: a burst is a row of packets of one size, the last of which may be shorter; it is taken whole or not at all, and `error`
 * then says why not. Allocates nothing.
 */
import type { Arena } from '../linux/arena.ts';
import { DatagramSender } from '../linux/datagram-sender.ts';
import { errnoValue } from '../linux/ffi.ts';
import { count, pathSlot } from './counters.ts';
import { isBlocked, type PathStream, StreamSender } from './path-stream.ts';
import type { PlanePath } from './tunnel-plane.ts';

export class Transmitter {
  /** errno of the last send that failed. */
  error = 0;

  readonly #sender: DatagramSender;
  readonly #streamSender: StreamSender;
  readonly #streamFull: (path: PlanePath, stream: PathStream) => void;

  constructor(arena: Arena, streamFull: (path: PlanePath, stream: PathStream) => void) {
    this.#sender = new DatagramSender(arena);
    this.#streamSender = new StreamSender(arena);
    this.#streamFull = streamFull;
  }

  /** By what carries the path's packets. */
  send(path: PlanePath, from: number, bytes: number, size: number): boolean {
    count(path.counters, pathSlot.sendCalls);
    count(path.counters, pathSlot.sentBytes, bytes);
    if (path.carriers.carrier === 'udp') return this.sendDatagrams(path, from, bytes, size);
    return path.stream !== undefined && this.sendFrames(path, path.stream, from, bytes, size);
  }

  sendFrames(path: PlanePath, stream: PathStream, from: number, bytes: number, size: number): boolean {
    const sent = this.#streamSender.send(stream, from, bytes, size);
    this.error = this.#streamSender.error;
    if (isBlocked(stream) && !stream.armed) this.#streamFull(path, stream);
    return sent;
  }

  sendDatagrams(path: PlanePath, from: number, bytes: number, size: number): boolean {
    const { fd } = path.socket;
    const sender = this.#sender;
    if (sender.send(fd, path.name, path.nameLength, from, bytes, size, path.segmented)) return true;
    this.error = sender.error;
    // A device without checksum offload cannot take bursts apart (EIO); EINVAL: segments above the device's MTU.
    if (
      !path.segmented ||
      bytes <= size ||
      (sender.error !== errnoValue.EIO && sender.error !== errnoValue.EINVAL)
    ) {
      return false;
    }
    const withoutOffload = sender.error === errnoValue.EIO;
    const sent = sender.send(fd, path.name, path.nameLength, from, bytes, size, false);
    this.error = sender.error;
    // EINVAL may be this burst's own fault: where its datagrams are refused as well, nothing was learnt of the device.
    if (sent || withoutOffload) path.segmented = false;
    return sent;
  }

  /** Goes on with what waits for a stream. @returns false when its connection has failed */
  flush(stream: PathStream): boolean {
    return this.#streamSender.flush(stream);
  }
}
