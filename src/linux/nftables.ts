/**
 * Our nftables tables through nft(8): read which rules are loaded and what they counted, load a script in one transaction.
 *
 * Throws: BS_PROGRAM_MISSING, BS_PROGRAM_FAILED, BS_PROGRAM_OUTPUT.
 */
import { z } from 'zod';
import { BackstayError } from '../errors.ts';
import { runProgram, tryProgram } from './run-program.ts';

/**
 * The comments of the loaded rules in order; undefined when the table isn't there. A machine without a usable nftables has no
 * table either; what is wrong with it is said when a script is loaded.
 */
export async function readTable(table: string): Promise<string[] | undefined> {
  try {
    const result = await tryProgram('nft', ['--json', 'list', 'table', 'inet', table]);
    return result.status === 0 ? readComments(result.stdout) : undefined;
  } catch (error) {
    if (error instanceof BackstayError && error.code === 'BS_PROGRAM_MISSING') return undefined;
    throw error;
  }
}

export type TrafficCount = { readonly packets: number; readonly bytes: number };

/** What the named counters of a table say; empty when the table isn't there. */
export async function readCounters(table: string): Promise<ReadonlyMap<string, TrafficCount>> {
  const result = await tryProgram('nft', ['--json', 'list', 'counters', 'table', 'inet', table]);
  const objects = result.status === 0 ? readObjects(result.stdout) : [];
  return new Map(objects.flatMap(({ counter }) => (counter === undefined ? [] : [[counter.name, counter]])));
}

export async function loadScript(script: string): Promise<void> {
  await runProgram('nft', ['-f', '-'], { input: script });
}

const listing = z.object({
  nftables: z.array(
    z.looseObject({
      rule: z.looseObject({ comment: z.string().optional() }).optional(),
      counter: z.looseObject({ name: z.string(), packets: z.number(), bytes: z.number() }).optional(),
    }),
  ),
});

function readComments(text: string): string[] {
  return readObjects(text).flatMap(({ rule }) => (rule === undefined ? [] : [rule.comment ?? '']));
}

function readObjects(text: string) {
  try {
    return listing.parse(JSON.parse(text)).nftables;
  } catch (cause) {
    throw new BackstayError('BS_PROGRAM_OUTPUT', `\`nft --json list\` can't be understood: ${cause}`, {
      cause,
    });
  }
}
