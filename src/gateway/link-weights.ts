/**
 * How much of a tunnel's traffic each of its links should take, before anything was measured.
 *
 * Contract: pure; only ratios count. Links share by their configured rates; where none or not all are configured, evenly.
 */
export type WeighedLink = { readonly name: string; readonly rateBps: number | undefined };

/** Mbit/s: figures that a person can read in a trace. */
const BITS_PER_WEIGHT = 1e6;

export function linkWeights(links: readonly WeighedLink[]): ReadonlyMap<string, number> {
  const known = links.every(({ rateBps }) => rateBps !== undefined);
  return new Map(links.map(({ name, rateBps = 0 }) => [name, known ? rateBps / BITS_PER_WEIGHT : 1]));
}
