/**
 * Carries out commands for ip(8), few invocations for many commands, and takes back what belongs to a part that failed.
 *
 * Contract: additions run in order; a part of which one command fails is taken back whole, in reverse order, and its removals are left
 * out, so that it keeps working as before. Other parts are not concerned.
 * Throws when ip(8) itself breaks (BS_PROGRAM_MISSING, BS_PROGRAM_FAILED), after an attempt to take everything back.
 */
import { BackstayError } from '../errors.ts';
import { type Batch, type Command, inBatches } from '../network/network-plan.ts';
import { type ProgramResult, tryProgram } from './run-program.ts';

export type CommandsOutcome = {
  readonly changes: readonly string[];
  readonly failures: readonly { readonly part: string; readonly error: BackstayError }[];
};

export async function runCommands(
  additions: readonly Command[],
  removals: readonly Command[],
): Promise<CommandsOutcome> {
  const run = new CommandRun();
  try {
    await run.carryOut(additions);
    await run.takeBackFailed();
    await run.carryOut(removals);
    await run.takeBackFailed();
  } catch (error) {
    await run.takeBack(() => true).catch(() => {});
    throw error;
  }
  return { changes: run.done.map(formatChange), failures: run.failures() };
}

class CommandRun {
  done: Command[] = [];
  readonly #refusals = new Map<string, string[]>();

  async carryOut(commands: readonly Command[]): Promise<void> {
    for (const { batch, commands: planned } of inBatches(commands)) {
      const possible = planned.filter(({ part }) => !this.#refusals.has(part));
      if (possible.length === 0) continue;
      // Before it is known what came through: a batch that dies in the middle is taken back as well.
      this.done.push(...possible);
      const refused = await runBatch(batch, possible);
      this.done = this.done.filter((command) => !refused.has(command));
      for (const [command, why] of refused) this.#note(command, why);
    }
  }

  async takeBackFailed(): Promise<void> {
    await this.takeBack(({ part }) => this.#refusals.has(part));
  }

  /** What can't be taken back is gone already (the kernel deletes routes together with their device). */
  async takeBack(concerned: (command: Command) => boolean): Promise<void> {
    const undone = this.done.filter(concerned);
    this.done = this.done.filter((command) => !concerned(command));
    const back = undone.toReversed().filter(({ undo }) => undo !== '');
    const commands = back.map((command) => ({ ...command, text: command.undo }));
    for (const { batch, commands: planned } of inBatches(commands)) await runBatch(batch, planned);
  }

  failures(): CommandsOutcome['failures'] {
    return [...this.#refusals].map(([part, whys]) => ({
      part,
      error: new BackstayError('BS_NETWORK_REFUSED', whys.join('; '), { place: part }),
    }));
  }

  #note({ part, text, batch }: Command, why: string): void {
    const family = batch === 'device' ? '' : ` -${batch}`;
    this.#refusals.set(part, [...(this.#refusals.get(part) ?? []), `\`ip${family} ${text}\`: ${why}`]);
  }
}

/** @returns the refused commands with what the kernel said */
async function runBatch(batch: Batch, commands: readonly Command[]): Promise<Map<Command, string>> {
  const family = batch === 'device' ? [] : [`-${batch}`];
  const args = [...family, '-force', '-batch', '-'];
  const result = await tryProgram('ip', args, { input: commands.map(({ text }) => `${text}\n`).join('') });
  const refused = readRefusals(result, commands);
  if (result.status !== 0 && refused.size === 0) {
    throw new BackstayError('BS_PROGRAM_FAILED', `\`ip ${args.join(' ')}\` failed: ${result.stderr.trim()}`);
  }
  return refused;
}

/** ip(8) says what went wrong, then `Command failed -:LINE`. */
function readRefusals({ stderr }: ProgramResult, commands: readonly Command[]): Map<Command, string> {
  const refused = new Map<Command, string>();
  let said: string[] = [];
  for (const line of stderr.split('\n')) {
    const number = /^Command failed -:(\d+)$/.exec(line)?.[1];
    if (number === undefined) {
      said.push(line.replace(/^(RTNETLINK answers|Error): /, ''));
      continue;
    }
    const command = commands[Number(number) - 1];
    if (command !== undefined) refused.set(command, said.join(' ').trim() || 'refused');
    said = [];
  }
  return refused;
}

function formatChange({ batch, text }: Command): string {
  return batch === 'device' ? `ip ${text}` : `ip -${batch} ${text}`;
}
