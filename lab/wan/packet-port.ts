/**
 * An interface as the emulator uses it: frames come in through a ring shared with the kernel, and go out in batches.
 *
 * Contract: `frameLength` and `release` walk the ring without system calls; `send` queues a frame for `flush`, which
 * hands up to 64 to the kernel in one call. The port's own frames do not come back. Nothing is allocated per frame.
 * Source: packet(7), Documentation/networking/packet_mmap.rst (TPACKET_V2), sendmmsg(2).
 */
import { Arena } from '../../src/linux/arena.ts';
import { bind, errno, errnoName, viewMemory } from '../../src/linux/ffi.ts';

const openSocket = bind<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const bindSocket = bind<(fd: number, address: number, length: number) => number>(
  'int bind(int fd, uintptr_t address, uint32_t length)',
);
const setOption = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int setsockopt(int fd, int level, int name, uintptr_t value, uint32_t length)',
);
const getOption = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int getsockopt(int fd, int level, int name, uintptr_t value, uintptr_t length)',
);
const mapMemory = bind<
  (hint: number, length: number, protection: number, flags: number, fd: number, offset: number) => number
>('uintptr_t mmap(uintptr_t hint, size_t length, int protection, int flags, int fd, int64_t offset)');
const sendMessages = bind<(fd: number, messages: number, count: number, flags: number) => number>(
  'int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)',
);
const interfaceIndex = bind<(name: string) => number>('uint32_t if_nametoindex(const char *name)');

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const ETH_P_ALL = 3;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_SNDBUFFORCE = 32;
const SOL_PACKET = 263;
const option = { rxRing: 5, statistics: 6, version: 10, qdiscBypass: 20, ignoreOutgoing: 23 } as const;
const TPACKET_V2 = 1;

/** Room for a frame of the usual 1500-byte MTU and the kernel's 66 bytes before it; larger ones count as missed. */
export const FRAME_ROOM = 2048;
/** 40 ms of full-size frames at 1 Gbit/s: what may come in while the emulator waits for the processor. */
const RING_FRAMES = 4096;
const RING_BLOCK = 65_536;
/** What is under way inside the kernel counts against it; the default holds only about 90 frames. */
const SEND_BUFFER_BYTES = 8 << 20;
const BATCH = 64;

const STATUS_KERNEL = 0;
const MESSAGE_SIZE = 64;
const VECTOR_SIZE = 16;

export class PacketPort {
  readonly fd: number;
  /** The frame at the ring's head as bytes, header of the kernel included; see `frameOffset`. */
  readonly #slots: Uint8Array[];
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #arena = new Arena(BATCH * (MESSAGE_SIZE + VECTOR_SIZE) + 256);
  readonly #messages: number;
  readonly #vectors: number;
  readonly #scratch: number;
  #head = 0;
  #batched = 0;

  constructor(interfaceName: string) {
    this.fd = check(openSocket(AF_PACKET, SOCK_RAW_CLOEXEC, 0), 'socket');
    this.#messages = this.#arena.reserve(BATCH * MESSAGE_SIZE);
    this.#vectors = this.#arena.reserve(BATCH * VECTOR_SIZE);
    this.#scratch = this.#arena.reserve(64);
    this.#prepareMessages();
    const ring = this.#mapRing();
    this.#words = new Int32Array(ring);
    this.#halves = new Uint16Array(ring);
    this.#slots = Array.from(
      { length: RING_FRAMES },
      (_, i) => new Uint8Array(ring, i * FRAME_ROOM, FRAME_ROOM),
    );
    this.attach(interfaceName);
  }

  /** Listens on this interface from now on; also after an interface was removed and made again. */
  attach(interfaceName: string): void {
    const index = interfaceIndex(interfaceName);
    if (index === 0) throw new Error(`there is no interface ${interfaceName} in the emulator's namespace`);
    const address = this.#scratch;
    this.#arena.bytes.fill(0, address, address + 20); // struct sockaddr_ll
    this.#arena.data.setUint16(address, AF_PACKET, true);
    this.#arena.data.setUint16(address + 2, ETH_P_ALL); // network byte order
    this.#arena.data.setInt32(address + 4, index, true);
    this.takeError();
    check(bindSocket(this.fd, this.#arena.address + address, 20), `bind to ${interfaceName}`);
  }

  /** Whether the kernel has put a frame at the ring's head. */
  get hasFrame(): boolean {
    return Atomics.load(this.#words, this.#word) !== STATUS_KERNEL;
  }

  /** Bytes of the frame at the head; 0 when it did not fit and is useless. */
  get frameLength(): number {
    const length = this.#words[this.#word + 1]!;
    return length === this.#words[this.#word + 2] ? length : 0;
  }

  /** Where the frame starts in `frameSlot`. */
  get frameOffset(): number {
    return this.#halves[this.#head * (FRAME_ROOM / 2) + 6]!;
  }

  get frameSlot(): Uint8Array {
    return this.#slots[this.#head]!;
  }

  /** When the kernel got it, in milliseconds of the machine's wall clock. */
  get frameWallMillis(): number {
    return (this.#words[this.#word + 4]! >>> 0) * 1000 + this.#words[this.#word + 5]! / 1e6;
  }

  /** Gives the frame at the head back to the kernel and goes on to the next. */
  release(): void {
    Atomics.store(this.#words, this.#word, STATUS_KERNEL);
    this.#head = (this.#head + 1) % RING_FRAMES;
  }

  get isBatchFull(): boolean {
    return this.#batched === BATCH;
  }

  /** Puts a frame into the batch; its memory must stay as it is until `flush`. */
  send(address: number, length: number): void {
    const vector = this.#vectors + this.#batched++ * VECTOR_SIZE;
    this.#arena.setPointer(vector, address);
    this.#arena.setSize(vector + 8, length);
  }

  /** Hands the batch to the kernel. @returns how many frames it refused */
  flush(): number {
    let refused = 0;
    for (let done = 0; done < this.#batched; ) {
      const address = this.#arena.address + this.#messages + done * MESSAGE_SIZE;
      const sent = sendMessages(this.fd, address, this.#batched - done, MSG_DONTWAIT);
      if (sent > 0) done += sent;
      else {
        refused++;
        done++;
      }
    }
    this.#batched = 0;
    return refused;
  }

  /** Frames that found no place in the ring since the last call. */
  takeMissed(): number {
    const [value, length] = [this.#scratch, this.#scratch + 16];
    this.#arena.data.setUint32(length, 8, true);
    const address = this.#arena.address;
    check(getOption(this.fd, SOL_PACKET, option.statistics, address + value, address + length), 'getsockopt');
    return this.#arena.data.getUint32(value + 4, true);
  }

  /** Clears what the kernel reports once, such as an interface that went down; else poll(2) never sleeps. */
  takeError(): void {
    const [value, length] = [this.#scratch + 32, this.#scratch + 48];
    this.#arena.data.setUint32(length, 4, true);
    getOption(this.fd, SOL_SOCKET, SO_ERROR, this.#arena.address + value, this.#arena.address + length);
  }

  get #word(): number {
    return this.#head * (FRAME_ROOM / 4);
  }

  #mapRing(): ArrayBuffer {
    this.#setNumber(SOL_PACKET, option.version, TPACKET_V2);
    this.#setNumber(SOL_PACKET, option.ignoreOutgoing, 1);
    this.#setNumber(SOL_PACKET, option.qdiscBypass, 1);
    this.#setNumber(SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER_BYTES);
    const size = RING_FRAMES * FRAME_ROOM;
    for (const [i, value] of [RING_BLOCK, size / RING_BLOCK, FRAME_ROOM, RING_FRAMES].entries()) {
      this.#arena.data.setUint32(this.#scratch + i * 4, value, true); // struct tpacket_req
    }
    check(
      setOption(this.fd, SOL_PACKET, option.rxRing, this.#arena.address + this.#scratch, 16),
      'receive ring',
    );
    const PROT_READ_WRITE = 3;
    const MAP_SHARED = 1;
    const address = mapMemory(0, size, PROT_READ_WRITE, MAP_SHARED, this.fd, 0);
    if (address > Number.MAX_SAFE_INTEGER) throw new Error(`mmap of the ring: ${errnoName(errno())}`);
    return viewMemory(address, size);
  }

  #setNumber(level: number, name: number, value: number): void {
    this.#arena.data.setUint32(this.#scratch, value, true);
    check(setOption(this.fd, level, name, this.#arena.address + this.#scratch, 4), `setsockopt ${name}`);
  }

  /** Each struct mmsghdr points for good at its one struct iovec. */
  #prepareMessages(): void {
    for (let i = 0; i < BATCH; i++) {
      const message = this.#messages + i * MESSAGE_SIZE;
      this.#arena.setPointer(message + 16, this.#arena.address + this.#vectors + i * VECTOR_SIZE);
      this.#arena.setSize(message + 24, 1);
    }
  }
}

function check(result: number, what: string): number {
  if (result < 0) throw new Error(`${what}: ${errnoName(errno())}`);
  return result;
}
