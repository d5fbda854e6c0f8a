/** Small system calls on file descriptors that are given by number. They allocate nothing. */
import { bind } from './ffi.ts';

export const closeFd = bind<(fd: number) => number>('int close(int fd)');

/** @returns bytes read, or -1 with errno set */
export const readFd = bind<(fd: number, address: number, length: number) => number>(
  'int64_t read(int fd, uintptr_t address, size_t length)',
);

/** @returns bytes written, or -1 with errno set */
export const writeFd = bind<(fd: number, address: number, length: number) => number>(
  'int64_t write(int fd, uintptr_t address, size_t length)',
);

/** @returns bytes written, or -1 with errno set; `count` iovecs of 16 bytes lie at `vectors` */
export const writevFd = bind<(fd: number, vectors: number, count: number) => number>(
  'int64_t writev(int fd, uintptr_t vectors, int count)',
);
