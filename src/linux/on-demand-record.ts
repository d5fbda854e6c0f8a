/**
 * Which links the daemon has brought up, on disk, so that the start after a SIGKILL can hang them up.
 *
 * Contract: a link is in `<state>/on-demand.json`, with what it takes to hang it up, from before it is dialled until it was
 * hung up. A record from before the last boot is worthless and ignored; a damaged one as well, as
 * nothing can be done with it. Throws when writing: BS_STATE_UNWRITABLE.
 */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { removeDurableFile, writeDurableFile } from './durable-file.ts';
import { readSetting } from './sysctl.ts';

const place = { interface: z.string(), withinMillis: z.number() };
const linkSchema = z.union([
  z.object({ ...place, downCommand: z.array(z.string()).min(1) }),
  z.object({ ...place, ppp: z.literal(true) }),
]);
const recordSchema = z.object({ boot: z.string(), links: z.record(z.string(), linkSchema) });

export type DialledLink = { readonly interface: string; readonly withinMillis: number } & (
  | { readonly downCommand: readonly string[] }
  /** By pppd, which is found by the link's name. */
  | { readonly ppp: true }
);

export class OnDemandRecord {
  readonly #path: string;
  readonly #links: Map<string, DialledLink>;

  constructor(stateDirectory: string) {
    this.#path = `${stateDirectory}/on-demand.json`;
    this.#links = new Map(Object.entries(readLinks(this.#path)));
  }

  get links(): ReadonlyMap<string, DialledLink> {
    return this.#links;
  }

  add(name: string, link: DialledLink): void {
    this.#links.set(name, link);
    this.#write();
  }

  remove(name: string): void {
    if (this.#links.delete(name)) this.#write();
  }

  #write(): void {
    if (this.#links.size === 0) return removeDurableFile(this.#path);
    writeDurableFile(this.#path, JSON.stringify({ boot: bootId(), links: Object.fromEntries(this.#links) }));
  }
}

function readLinks(path: string): Record<string, DialledLink> {
  if (!existsSync(path)) return {};
  try {
    const { boot, links } = recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return boot === bootId() ? links : {};
  } catch {
    return {};
  }
}

function bootId(): string {
  return readSetting('kernel/random/boot_id') ?? '';
}
