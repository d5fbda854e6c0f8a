/**
 * What the decisions on plain traffic come to as wanted state of the network.
 *
 * Contract: pure. Without moves it is what stands; with moves what will stand when they were made. Source: S1.6, S1.8.
 */
import type { InternetConfig } from '../config/index.ts';
import type { DesiredInternet, InternetCarrier, InternetChoice } from '../network/desired-state.ts';
import type { Carrier, Move } from './internet.ts';
import { bothFamilies, type InternetMachine } from './internet-machine.ts';

/** @param indexOf a link's index in the network */
export function desiredInternet(
  { families }: Pick<InternetMachine, 'families'>,
  config: InternetConfig,
  moves: readonly Move[],
  indexOf: (link: string) => number,
): DesiredInternet {
  const carriersOf = (some: readonly Carrier[]): InternetCarrier[] =>
    some.map(({ link, weight }) => ({ link: indexOf(link), weight }));
  const choices = bothFamilies.flatMap((family): InternetChoice[] => {
    const move = moves.find((it) => it.family === family);
    const { carriers, canary } = families[family].standing;
    const now = {
      carriers: move?.carriers ?? carriers,
      first: move === undefined ? canary?.carriers : move.canary,
    };
    if (now.carriers.length === 0) return [];
    const first = now.first && { share: config.canary?.share ?? 0, carriers: carriersOf(now.first) };
    // The machine's own packets take the heaviest.
    const heavy = now.carriers.toSorted((one, other) => other.weight - one.weight);
    return [{ family, carriers: carriersOf(heavy), canary: first }];
  });
  const indexes = config.links.map(({ name }) => indexOf(name));
  return { links: indexes, choices, masquerade: config.masquerade };
}
