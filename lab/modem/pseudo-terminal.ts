/**
 * A pseudo-terminal: a serial line that others open by a path, and its other end in this process.
 *
 * Contract: bytes pass unchanged once the one who opened the path has made the line raw. `close` hangs up, as a modem does that
 * loses its carrier; `onClosed` is told when whoever had the line open has closed it. Works once; then open another.
 * Source: pty(7).
 */
import { constants } from 'node:fs';
import { ReadStream } from 'node:tty';
import { bind } from '../../src/linux/ffi.ts';

const openMaster = bind<(flags: number) => number>('int posix_openpt(int flags)');
const grant = bind<(fd: number) => number>('int grantpt(int fd)');
const unlock = bind<(fd: number) => number>('int unlockpt(int fd)');
const slaveName = bind<(fd: number) => string>('const char *ptsname(int fd)');

/** A child that had it too would keep the line from hanging up. From fcntl.h; Node.js has no name for it. */
const CLOSE_ON_EXEC = 0o2000000;

export class PseudoTerminal {
  /** What is to be opened, such as `/dev/pts/3`. */
  readonly path: string;
  readonly #master: ReadStream;

  constructor(onData: (bytes: Buffer) => void, onClosed: () => void) {
    const fd = openMaster(constants.O_RDWR | constants.O_NOCTTY | CLOSE_ON_EXEC);
    if (fd < 0 || grant(fd) !== 0 || unlock(fd) !== 0) throw new Error('no pseudo-terminal can be had');
    this.path = slaveName(fd);
    this.#master = new ReadStream(fd);
    this.#master.on('data', onData);
    // EIO: nobody has the other end open any more.
    this.#master.on('error', () => this.#master.destroy());
    this.#master.on('close', onClosed);
  }

  /** A writable tty stream: ReadStream of `node:tty` is a duplex socket. */
  write(bytes: Buffer | string): void {
    if (!this.#master.destroyed) this.#master.write(bytes);
  }

  close(): void {
    this.#master.destroy();
  }
}
