/** A file of random bytes and what it hashes to: nothing that compresses, nothing that repeats. */
import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';

const PIECE_BYTES = 4 << 20;

/** @returns the SHA-256 of what was written, in hexadecimal */
export async function writeRandomFile(path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(PIECE_BYTES);
  await using file = await open(path, 'wx', 0o600);
  for (let written = 0; written < bytes; ) {
    const part = randomFillSync(piece).subarray(0, Math.min(PIECE_BYTES, bytes - written));
    hash.update(part);
    await file.writeFile(part);
    written += part.length;
  }
  return hash.digest('hex');
}

/** @returns the SHA-256 of the file as it is on disk, in hexadecimal */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: PIECE_BYTES }))
    hash.update(part as Buffer);
  return hash.digest('hex');
}
