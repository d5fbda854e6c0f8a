/** A file system that has no room left. */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';

/** @param file on that file system; deleting it makes room again */
export function fillUp(file: string): void {
  try {
    for (;;) appendFileSync(file, Buffer.alloc(1024));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
}
