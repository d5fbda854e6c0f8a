/**
 * Sleeping until one of many descriptors is readable (epoll(7)).
 *
 * Contract: each descriptor is registered with a small integer, its token; `wait` returns how many are ready and
 * `token(i)` tells which. Level-triggered. Allocates nothing per wait.
 */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName, errnoValue } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';

const epollCreate = bind<(flags: number) => number>('int epoll_create1(int flags)');
const epollControl = bind<(epoll: number, operation: number, fd: number, event: number) => number>(
  'int epoll_ctl(int epoll, int operation, int fd, uintptr_t event)',
);
const epollWait = bind<(epoll: number, events: number, capacity: number, timeoutMillis: number) => number>(
  'int epoll_wait(int epoll, uintptr_t events, int capacity, int timeoutMillis)',
);

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLOUT = 4;

/** `struct epoll_event` is packed on x86-64 and naturally aligned elsewhere (uapi/linux/eventpoll.h). */
const EVENT_SIZE = process.arch === 'x64' ? 12 : 16;
const TOKEN_OFFSET = process.arch === 'x64' ? 4 : 8;
const CAPACITY = 64;

export class Epoll {
  readonly #fd: number;
  readonly #arena = new Arena(4096);
  readonly #events: number;
  readonly #request: number;

  constructor() {
    this.#fd = epollCreate(EPOLL_CLOEXEC);
    if (this.#fd < 0) throw new BackstayError('BS_INTERNAL', `epoll_create1 failed (${errnoName(errno())}).`);
    this.#events = this.#arena.reserve(CAPACITY * EVENT_SIZE);
    this.#request = this.#arena.reserve(EVENT_SIZE);
  }

  /** @param token what `token(i)` says when this descriptor is readable; 0 to 2^31-1 */
  add(fd: number, token: number): void {
    if (this.#control(EPOLL_CTL_ADD, fd, token, EPOLLIN)) return;
    throw new BackstayError('BS_INTERNAL', `epoll_ctl failed (${errnoName(errno())}).`);
  }

  /** Does not wake for this descriptor until `listen`; one that is already gone is no error. */
  mute(fd: number, token: number): void {
    this.#control(EPOLL_CTL_MOD, fd, token, 0);
  }

  listen(fd: number, token: number): void {
    this.#control(EPOLL_CTL_MOD, fd, token, EPOLLIN);
  }

  /** Wakes also when there is room to write, until `listen`. */
  listenForRoom(fd: number, token: number): void {
    this.#control(EPOLL_CTL_MOD, fd, token, EPOLLIN | EPOLLOUT);
  }

  /** Forgets a descriptor; one that is already gone is no error. */
  remove(fd: number): void {
    epollControl(this.#fd, EPOLL_CTL_DEL, fd, this.#arena.address + this.#request);
  }

  /** @param timeoutMillis 0 only looks, -1 waits for ever. @returns how many are ready, 0 after a timeout */
  wait(timeoutMillis: number): number {
    const ready = epollWait(this.#fd, this.#arena.address + this.#events, CAPACITY, timeoutMillis);
    if (ready >= 0) return ready;
    const error = errno();
    if (error === errnoValue.EINTR) return 0;
    throw new BackstayError('BS_INTERNAL', `epoll_wait failed (${errnoName(error)}).`);
  }

  close(): void {
    closeFd(this.#fd);
  }

  #control(operation: number, fd: number, token: number, events: number): boolean {
    this.#arena.data.setUint32(this.#request, events, true);
    this.#arena.data.setUint32(this.#request + TOKEN_OFFSET, token, true);
    return epollControl(this.#fd, operation, fd, this.#arena.address + this.#request) === 0;
  }

  token(index: number): number {
    return this.#arena.data.getUint32(this.#events + index * EVENT_SIZE + TOKEN_OFFSET, true);
  }
}
