/** A command of the program, answered by a daemon of the laboratory. */
import { join } from 'node:path';
import { Child } from '../child.ts';
import type { GatewayDaemon } from '../gateways.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'backstay');

export async function backstay(
  { files }: Pick<GatewayDaemon, 'files'>,
  ...words: readonly string[]
): Promise<{ readonly status: number; readonly text: string }> {
  const child = await Child.start(program, [...words, '--socket', files.socket]);
  const { status } = await child.exited;
  return { status: status ?? -1, text: child.output };
}
