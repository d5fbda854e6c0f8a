/** `backstay run`: the daemon in the foreground; systemd or a shell stops it with SIGTERM. */

import { runDaemon } from '../../gateway/daemon.ts';
import type { Terminal } from '../terminal.ts';

export type RunOptions = { config: string; quickStart?: boolean; testKeyLog?: string };

export async function runGateway(options: RunOptions, terminal: Terminal): Promise<void> {
  await runDaemon(options.config, {
    ...(options.testKeyLog !== undefined && { keyLogPath: options.testKeyLog }),
    quickStart: options.quickStart === true,
    onReady: (line) => terminal.out(`${line}\n`),
  });
}
