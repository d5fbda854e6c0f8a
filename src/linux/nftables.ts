/**
 * Our nftables table through nft(8): read which rules are loaded, load a script in one transaction.
 *
 * Throws: BS_PROGRAM_MISSING, BS_PROGRAM_FAILED, BS_PROGRAM_OUTPUT.
 */
import { z } from 'zod';
import { BackstayError } from '../errors.ts';
import { firewallTable } from '../network/forwarding.ts';
import { runProgram, tryProgram } from './run-program.ts';

/**
 * The comments of the loaded rules in order; undefined when the table isn't there. A machine without a usable nftables has no
 * table either; what is wrong with it is said when a script is loaded.
 */
export async function readFirewall(): Promise<string[] | undefined> {
  try {
    const result = await tryProgram('nft', ['--json', 'list', 'table', 'inet', firewallTable]);
    return result.status === 0 ? readComments(result.stdout) : undefined;
  } catch (error) {
    if (error instanceof BackstayError && error.code === 'BS_PROGRAM_MISSING') return undefined;
    throw error;
  }
}

export async function loadFirewall(script: string): Promise<void> {
  await runProgram('nft', ['-f', '-'], { input: script });
}

const listing = z.object({
  nftables: z.array(z.looseObject({ rule: z.looseObject({ comment: z.string().optional() }).optional() })),
});

function readComments(text: string): string[] {
  try {
    const objects = listing.parse(JSON.parse(text)).nftables;
    return objects.flatMap(({ rule }) => (rule === undefined ? [] : [rule.comment ?? '']));
  } catch (cause) {
    throw new BackstayError('BS_PROGRAM_OUTPUT', `\`nft --json list table\` can't be understood: ${cause}`, {
      cause,
    });
  }
}
