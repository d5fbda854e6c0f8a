/**
 * What went wrong with the virtual machine itself, as opposed to the program that ran in it (whose exit status is
 * a result). The message is complete: the end of the serial line is part of it where there is one.
 */
export class VmError extends Error {
  override readonly name = 'VmError';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}
