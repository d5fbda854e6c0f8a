/** `backstay keygen` and `backstay fingerprint`: the gateway's own key, and the name that peers know it by. */

import { createIdentity, readIdentity } from '../../linux/identity.ts';
import type { Terminal } from '../terminal.ts';

export function makeIdentity(options: { out: string }, terminal: Terminal): void {
  terminal.out(`${createIdentity(options.out).fingerprint}\n`);
}

export function showFingerprint(file: string, terminal: Terminal): void {
  terminal.out(`${readIdentity(file).fingerprint}\n`);
}
