/**
 * Sends prebuilt Ethernet frames out of an interface, many per system call, and receives nothing.
 *
 * Contract: the frames are copied once, when they are loaded; `send(count)` goes round them and allocates nothing. The
 * socket bypasses the queueing discipline, so a full device refuses instead of buffering.
 * Source: packet(7) (PACKET_QDISC_BYPASS; protocol 0 means that nothing is received), sendmmsg(2).
 */
import { Arena } from '../../src/linux/arena.ts';
import { bind, errno, errnoName } from '../../src/linux/ffi.ts';

const openSocket = bind<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const bindSocket = bind<(fd: number, address: number, length: number) => number>(
  'int bind(int fd, uintptr_t address, uint32_t length)',
);
const setOption = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t length)',
);
const sendMessages = bind<(fd: number, messages: number, count: number, flags: number) => number>(
  'int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)',
);
const interfaceIndex = bind<(name: string) => number>('uint32_t if_nametoindex(const char *name)');

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;
const MESSAGE_SIZE = 64;
const VECTOR_SIZE = 16;
/** sendmmsg(2) takes 1024; fewer let the far side begin earlier. */
const BATCH = 64;

export class FrameSender {
  /** Frames that the kernel did not take. */
  refused = 0;
  readonly #fd: number;
  readonly #arena: Arena;
  readonly #messages: number;
  readonly #frames: number;
  #next = 0;

  constructor(interfaceName: string, frames: readonly Uint8Array[]) {
    if (frames.length === 0) throw new RangeError('there is no frame to send');
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
    this.#frames = frames.length;
    // The messages of the first batch follow again behind the last, so that a batch never has to wrap.
    const messages = frames.length + BATCH;
    this.#arena = new Arena(bytes + messages * MESSAGE_SIZE + frames.length * VECTOR_SIZE + 256);
    this.#messages = this.#arena.reserve(messages * MESSAGE_SIZE);
    this.#load(frames);
    this.#fd = openSocket(AF_PACKET, SOCK_RAW_CLOEXEC, 0);
    if (this.#fd < 0) throw new Error(`no packet socket: ${errnoName(errno())}`);
    this.#attach(interfaceName);
  }

  /** Sends the next `count` frames. */
  send(count: number): void {
    for (let left = count; left > 0; ) {
      const batch = Math.min(left, BATCH);
      const at = this.#arena.address + this.#messages + this.#next * MESSAGE_SIZE;
      const taken = Math.max(0, sendMessages(this.#fd, at, batch, MSG_DONTWAIT));
      // The one after those that were taken was refused; the rest of the batch is tried again.
      const done = taken === batch ? batch : taken + 1;
      this.refused += done - taken;
      this.#next = (this.#next + done) % this.#frames;
      left -= done;
    }
  }

  #load(frames: readonly Uint8Array[]): void {
    const arena = this.#arena;
    const vectors = arena.reserve(frames.length * VECTOR_SIZE);
    for (const [index, frame] of frames.entries()) {
      const at = arena.reserve(frame.length, 1);
      arena.bytes.set(frame, at);
      arena.setPointer(vectors + index * VECTOR_SIZE, arena.address + at);
      arena.setSize(vectors + index * VECTOR_SIZE + 8, frame.length);
    }
    for (let index = 0; index < frames.length + BATCH; index++) {
      const message = this.#messages + index * MESSAGE_SIZE;
      const vector = vectors + (index % frames.length) * VECTOR_SIZE;
      arena.setPointer(message + 16, arena.address + vector);
      arena.setSize(message + 24, 1);
    }
  }

  #attach(interfaceName: string): void {
    const index = interfaceIndex(interfaceName);
    if (index === 0) throw new Error(`there is no interface ${interfaceName}`);
    const scratch = this.#arena.reserve(32);
    this.#arena.data.setInt32(scratch, 1, true);
    setOption(this.#fd, SOL_PACKET, PACKET_QDISC_BYPASS, this.#arena.address + scratch, 4);
    this.#arena.bytes.fill(0, scratch, scratch + 20); // struct sockaddr_ll
    this.#arena.data.setUint16(scratch, AF_PACKET, true);
    this.#arena.data.setInt32(scratch + 4, index, true);
    if (bindSocket(this.#fd, this.#arena.address + scratch, 20) < 0) {
      throw new Error(`cannot send on ${interfaceName}: ${errnoName(errno())}`);
    }
  }
}
