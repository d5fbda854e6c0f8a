/**
 * The counters of traffic that may cause a dial, in the kernel's packet filter through nft(8).
 *
 * Contract: `read` answers the bytes since the table was loaded, by the counters' names, or undefined when the table is not
 * there (somebody has flushed the rules): load it again. Throws BS_PROGRAM_MISSING, BS_PROGRAM_FAILED, BS_PROGRAM_OUTPUT.
 */
import { z } from 'zod';
import { BackstayError } from '../errors.ts';
import { type CountedTunnel, trafficScript, trafficTable } from '../network/traffic-counters.ts';
import { runProgram, tryProgram } from './run-program.ts';

export async function loadTrafficCounters(tunnels: readonly CountedTunnel[]): Promise<void> {
  await runProgram('nft', ['-f', '-'], { input: trafficScript(tunnels) });
}

export async function readTrafficCounters(): Promise<ReadonlyMap<string, number> | undefined> {
  const result = await tryProgram('nft', ['--json', 'list', 'counters', 'table', 'inet', trafficTable]);
  return result.status === 0 ? readBytes(result.stdout) : undefined;
}

const listing = z.object({
  nftables: z.array(
    z.looseObject({ counter: z.looseObject({ name: z.string(), bytes: z.number() }).optional() }),
  ),
});

function readBytes(text: string): Map<string, number> {
  try {
    const objects = listing.parse(JSON.parse(text)).nftables;
    return new Map(
      objects.flatMap(({ counter }) => (counter === undefined ? [] : [[counter.name, counter.bytes]])),
    );
  } catch (cause) {
    throw new BackstayError(
      'BS_PROGRAM_OUTPUT',
      `\`nft --json list counters\` can't be understood: ${cause}`,
      {
        cause,
      },
    );
  }
}
