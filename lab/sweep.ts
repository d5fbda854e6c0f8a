/**
 * Removing what laboratories left behind whose process was killed.
 *
 * Contract: only namespaces named `bs-…-<pid>` are looked at, and only those whose process is gone are touched:
 * the processes still inside are killed one by one, then the name is deleted, which removes the devices too.
 */
import { existsSync, readdirSync } from 'node:fs';
import { removeNamespace } from './namespace-removal.ts';
import { isAlive } from './process-state.ts';

const NAMESPACE_NAMES = '/run/netns';

/** @returns the names that were removed */
export async function sweepLeftovers(): Promise<string[]> {
  const leftovers = laboratoryNamespaces().filter((name) => !isAlive(ownerOf(name)));
  for (const name of leftovers) await removeLeftover(name);
  return leftovers;
}

/** The network namespaces of all laboratories on this machine, or of one process. */
export function laboratoryNamespaces(owner?: number): string[] {
  if (!existsSync(NAMESPACE_NAMES)) return [];
  const names = readdirSync(NAMESPACE_NAMES).filter((name) => /^bs-.*-\d+$/.test(name));
  return owner === undefined ? names : names.filter((name) => ownerOf(name) === owner);
}

function ownerOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}

async function removeLeftover(name: string): Promise<void> {
  try {
    await removeNamespace(name);
  } catch (error) {
    // Another laboratory may have swept the same leftover at the same time.
    if (laboratoryNamespaces().includes(name)) throw error;
  }
}
