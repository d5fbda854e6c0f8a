/**
 * Which links carry plain traffic, on disk, so that the start after a SIGKILL goes on from there and moves nothing.
 *
 * Contract: `<state>/internet.json` has who carries in each family, the link that the operator has chosen, the links by their
 * indexes (marks in the kernel mean these), and connections that were still to be cut off. A record from before the
 * last boot is worthless and ignored; a damaged one as well. Throws when writing: BS_STATE_UNWRITABLE.
 */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { removeDurableFile, writeDurableFile } from './durable-file.ts';
import { readSetting } from './sysctl.ts';

const names = z.array(z.string());
const cut = z.object({ link: z.string(), family: z.union([z.literal(4), z.literal(6)]) });
const carriersSchema = z.object({ 4: names, 6: names });
const recordSchema = z.object({
  boot: z.string(),
  carriers: carriersSchema,
  links: names,
  cuts: z.array(cut),
  chosen: z.string().optional(),
});

export type InternetState = {
  readonly carriers: Readonly<Record<4 | 6, readonly string[]>>;
  readonly links: readonly string[];
  readonly cuts: readonly { readonly link: string; readonly family: 4 | 6 }[];
  readonly chosen?: string | undefined;
};

export function readInternetState(stateDirectory: string): InternetState | undefined {
  const path = pathOf(stateDirectory);
  if (!existsSync(path)) return undefined;
  try {
    const { boot, ...state } = recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return boot === bootId() ? state : undefined;
  } catch {
    return undefined;
  }
}

export function writeInternetState(stateDirectory: string, state: InternetState): void {
  writeDurableFile(pathOf(stateDirectory), JSON.stringify({ boot: bootId(), ...state }));
}

export function removeInternetState(stateDirectory: string): void {
  if (existsSync(pathOf(stateDirectory))) removeDurableFile(pathOf(stateDirectory));
}

function pathOf(stateDirectory: string): string {
  return `${stateDirectory}/internet.json`;
}

function bootId(): string {
  return readSetting('kernel/random/boot_id') ?? '';
}
