/**
 * An eventfd by which one thread wakes another that sleeps in epoll (eventfd(2)).
 *
 * Contract: `wake` may be called from any thread and never blocks; `clear` is the sleeper's and makes the descriptor
 * unreadable again. File descriptors belong to the process, so a worker takes one over by its number.
 */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName } from './ffi.ts';
import { closeFd, readFd, writeFd } from './file-descriptor.ts';

const eventfd = bind<(value: number, flags: number) => number>('int eventfd(uint32_t value, int flags)');
const EFD_CLOEXEC_NONBLOCK = 0o2004000;

export class WakeEvent {
  readonly fd: number;
  readonly #arena = new Arena(4096);

  private constructor(fd: number) {
    this.fd = fd;
    this.#arena.data.setUint32(0, 1, true);
  }

  static open(): WakeEvent {
    const fd = eventfd(0, EFD_CLOEXEC_NONBLOCK);
    if (fd < 0) throw new BackstayError('BS_INTERNAL', `eventfd failed (${errnoName(errno())}).`);
    return new WakeEvent(fd);
  }

  static adopt(fd: number): WakeEvent {
    return new WakeEvent(fd);
  }

  wake(): void {
    writeFd(this.fd, this.#arena.address, 8);
  }

  clear(): void {
    readFd(this.fd, this.#arena.address + 8, 8);
  }

  close(): void {
    closeFd(this.fd);
  }
}
