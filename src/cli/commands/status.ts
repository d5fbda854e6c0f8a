/** `backstay status`: the state of the running gateway, once or every second. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../api/status.ts';
import { getDocument } from '../daemon-client.ts';
import { formatStatus } from '../status-text.ts';
import type { Terminal } from '../terminal.ts';

const watchIntervalMillis = 1_000;
/** Cursor to the upper left corner, and the screen cleared (ECMA-48). */
const clearScreen = '\u001b[H\u001b[2J';

export async function showStatus(
  options: { socket: string; json?: boolean; watch?: boolean },
  terminal: Terminal,
): Promise<void> {
  for (;;) {
    const status = await getDocument<Status>(options.socket, '/v1/status');
    const text = options.json
      ? `${JSON.stringify(status, undefined, 2)}\n`
      : formatStatus(status, terminal.palette);
    terminal.out(options.watch && terminal.isTty ? clearScreen + text : text);
    if (!options.watch) return;
    await sleep(watchIntervalMillis);
  }
}
