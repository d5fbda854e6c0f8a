/**
 * The steps of a change of the links that carry plain traffic, in their order (`internet-change.ts`).
 *
 * Contract: up to the default route everything can be undone; the routes, rules and addresses of the new links stand before anything
 * leads there, and connections are cut off only when everything leads elsewhere. Source: S1.3 to S1.6, S1.9.
 */
import { BackstayError } from '../errors.ts';
import type { Move } from '../internet/internet.ts';
import type { AppliedNetwork, NetworkFailure } from '../linux/network-state.ts';
import type { DesiredState } from '../network/desired-state.ts';
import { internetWays } from '../network/internet-routing.ts';
import type { ChangeStep } from './internet-change.ts';

export type ChangeParts = {
  readonly before: DesiredState;
  readonly after: DesiredState;
  readonly moves: readonly Move[];
  readonly apply: (desired: DesiredState) => Promise<AppliedNetwork>;
  /** What of the state, as far as these links are concerned, does not stand in the kernel. */
  readonly remaining: (desired: DesiredState, links: readonly string[]) => Promise<readonly string[]>;
  readonly tellTunnels: () => void;
  /** On disk: made, or as before. */
  readonly remember: (isMade: boolean) => void;
  /** What was planned is now so. */
  readonly settle: () => void;
  readonly cut: () => readonly NetworkFailure[];
  readonly journal: () => void;
};

export function changeSteps(parts: ChangeParts): ChangeStep[] {
  const { before, after, moves, apply, remaining } = parts;
  const links = [...new Set(moves.flatMap(({ carriers, canary = [] }) => [...carriers, ...canary]))].map(
    ({ link }) => link,
  );
  let missing: readonly string[] = [];
  const missingOf = (pattern: RegExp) => () => missing.filter((command) => pattern.test(command));
  return [
    { name: 'link', verify: () => linksWithoutWay(after, moves) },
    {
      name: 'routes',
      carryOut: async () => {
        await applied(apply(before));
        missing = await remaining(before, links);
      },
      verify: missingOf(/^ip -\d route /),
    },
    { name: 'rules', verify: missingOf(/^ip -\d rule /) },
    { name: 'masquerading', verify: missingOf(/^nft /) },
    { name: 'tunnels', carryOut: parts.tellTunnels },
    {
      name: 'defaultRoute',
      carryOut: async () => {
        parts.remember(true);
        await applied(apply(after));
      },
      verify: () => remaining(after, links),
      undo: async () => {
        await apply(before);
        parts.remember(false);
      },
      stands: true,
    },
    {
      name: 'connections',
      carryOut: () => {
        parts.settle();
        const [failure] = parts.cut();
        if (failure !== undefined) throw failure.error;
      },
    },
    // Links on demand that nothing needs any more are hung up from now on.
    { name: 'oldLink' },
    { name: 'journal', carryOut: parts.journal },
  ];
}

function linksWithoutWay(after: DesiredState, moves: readonly Move[]): string[] {
  const ways = internetWays(after);
  return moves.flatMap(({ family, carriers, canary }) => {
    const isThere = carriers
      .concat(canary ?? [])
      .some(({ link }) => ways.some((it) => it.link.name === link && it.way.family === family));
    return isThere || carriers.length === 0
      ? []
      : [`no link of ${carriers.map(({ link }) => link).join(', ')}`];
  });
}

/** Parts of the tunnels may fail without any harm here. */
async function applied(answer: Promise<AppliedNetwork>): Promise<void> {
  const { failures } = await answer;
  const failure = failures.find(({ part }) => part.startsWith('internet'));
  if (failure !== undefined)
    throw new BackstayError(failure.error.code, failure.error.message, { place: failure.part });
}
