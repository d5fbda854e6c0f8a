/**
 * Taking a network namespace away together with the programs in it.
 *
 * Contract: kills, one by one, what still runs inside (a program that was started may have started others), then
 * deletes the name; the devices vanish with the last user. `removeNamespaceNow` is for signals and process exit.
 */
import { run, runSync } from './command.ts';

export async function removeNamespace(name: string): Promise<void> {
  killAll((await run('ip', ['netns', 'pids', name])).stdout);
  await run('ip', ['netns', 'del', name]);
}

export function removeNamespaceNow(name: string): void {
  killAll(runSync('ip', ['netns', 'pids', name]));
  runSync('ip', ['netns', 'del', name]);
}

function killAll(pids: string): void {
  for (const pid of pids.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}
