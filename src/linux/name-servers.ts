/**
 * Hands the name servers of a link to the system's resolver, and takes them back.
 *
 * Contract: by `resolvectl` where it works, otherwise by `resolvconf`; where neither is installed nothing is done, and that is no
 * fault. Never throws: the answer is what went wrong, if anything.
 * Source: resolvectl(1), resolvconf(8).
 */
import { BackstayError } from '../errors.ts';
import { findProgram } from './find-program.ts';
import { runProgram } from './run-program.ts';

/** @param device the interface over which the servers are reached; @param servers at least one address */
export async function setNameServers(
  device: string,
  servers: readonly string[],
): Promise<string | undefined> {
  const text = servers.map((server) => `nameserver ${server}\n`).join('');
  const failure = await attempt('resolvectl', ['dns', device, ...servers]);
  if (failure === undefined) return undefined;
  const last = await attempt('resolvconf', ['-a', entryName(device)], text);
  return last === undefined ? undefined : failure || last || undefined;
}

/** Does no harm where nothing was set, or where the interface has gone already. */
export async function clearNameServers(device: string): Promise<string | undefined> {
  const failure = await attempt('resolvectl', ['revert', device]);
  if (failure === undefined) return undefined;
  const last = await attempt('resolvconf', ['-d', entryName(device)]);
  // What resolvectl knows of an interface goes with it, so that it fails then is as it should be.
  return failure === notInstalled ? last || undefined : undefined;
}

/** The interface, and who has entered it: Debian's resolvconf keeps its entries by such names. */
function entryName(device: string): string {
  return `${device}.backstay`;
}

const notInstalled = '';

/** @returns undefined when it worked, `notInstalled`, or what went wrong */
async function attempt(name: string, args: readonly string[], input = ''): Promise<string | undefined> {
  const program = findProgram(name);
  if (program === undefined) return notInstalled;
  try {
    await runProgram(program, args, { input });
    return undefined;
  } catch (error) {
    if (!(error instanceof BackstayError)) throw error;
    return error.message;
  }
}
