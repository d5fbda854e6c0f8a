/** What is told of plain traffic to the internet: events with their evidence, and the status (`api/internet-status.ts`). */
import type { InternetFamilyStatus, InternetStatus } from '../api/internet-status.ts';
import type { InternetConfig } from '../config/index.ts';
import type { Carrier, Grades, Move } from '../internet/internet.ts';
import {
  bothFamilies,
  type Cut,
  type FamilyGrades,
  type InternetMachine,
} from '../internet/internet-machine.ts';
import { describeMove } from '../journal/describe-internet.ts';
import type { EventDetail, InternetLinkEvidence } from '../journal/event.ts';
import type { IpFamily } from '../network/ip-address.ts';

/** Moves of both families that are alike are one event. */
export function movedEvent(
  moves: readonly Move[],
  config: InternetConfig,
  grades: FamilyGrades,
  cuts: readonly Cut[],
  tookMillis: number,
): ((gateway: string) => EventDetail)[] {
  const alike = Map.groupBy(moves, ({ before, carriers, canary, reason }) =>
    JSON.stringify([before, carriers, canary, reason]),
  );
  return [...alike.values()].flatMap((group) => {
    const [move] = group;
    if (move === undefined) return [];
    const families = group.map(({ family }) => family);
    const cut = [...new Set(cuts.filter(({ family }) => families.includes(family)).map(({ link }) => link))];
    const evidence = {
      families,
      before: move.before.map(({ link }) => link),
      after: move.carriers.map(({ link }) => link),
      ...(move.canary !== undefined && {
        canary: { share: config.canary?.share ?? 0, links: move.canary.map(({ link }) => link) },
      }),
      reason: move.reason,
      ...(move.heldMillis !== undefined && { heldMillis: Math.round(move.heldMillis) }),
      links: linkEvidence(config, grades[move.family]),
      cut,
      tookMillis: Math.round(tookMillis),
    };
    return [(name) => ({ kind: 'internetMoved', subject: { type: 'gateway', name }, evidence }) as const];
  });
}

export function lostEvent(
  family: IpFamily,
  carriers: readonly Carrier[],
  config: InternetConfig,
  grades: FamilyGrades,
  name: string,
): EventDetail {
  const evidence = {
    families: [family],
    kept: carriers.map(({ link }) => link),
    links: linkEvidence(config, grades[family]),
  };
  return { kind: 'internetLost', subject: { type: 'gateway', name }, evidence };
}

export function describeInternet(
  machine: InternetMachine,
  config: InternetConfig,
  since: ReadonlyMap<IpFamily, string>,
): InternetStatus {
  const families = bothFamilies.flatMap((family): InternetFamilyStatus[] => {
    const { carriers, canary, reason, isLost } = machine.families[family].standing;
    if (carriers.length === 0) return [];
    const weights = carriers.reduce((sum, { weight }) => sum + weight, 0);
    const at = since.get(family);
    return [
      {
        family,
        carriers: carriers.map(({ link, weight }) => {
          const tier = config.links.find(({ name }) => name === link)?.tier ?? 0;
          return { link, tier, share: weight / weights };
        }),
        ...(canary !== undefined && {
          canary: { share: config.canary?.share ?? 0, links: canary.carriers.map(({ link }) => link) },
        }),
        ...(at !== undefined && { since: at }),
        reason: isLost ? 'no link works, the present ones are kept' : describeMove(reason),
        isLost,
      },
    ];
  });
  const { chosen } = machine;
  return { families, ...(chosen !== undefined && { chosen }) };
}

function linkEvidence(config: InternetConfig, grades: Grades): InternetLinkEvidence[] {
  return config.links.map(({ name, tier }) => ({ link: name, tier, state: grades[name] ?? 'gone' }));
}
