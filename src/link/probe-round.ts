/**
 * One round of a link's probe, and what it says by the rule of the configuration.
 *
 * Contract: pure. `judgeRound` takes any rule, so that a recorded round can be judged by another one. Source: S1.2.
 */

import type { ProbeConfig, ProbeTarget } from '../config/index.ts';

/** Times are milliseconds of a clock that does not jump. */
export type ProbeRound = {
  readonly startedAtMillis: number;
  readonly endedAtMillis: number;
  /** In the order of `askedTargets`. */
  readonly targets: readonly AskedTarget[];
  /** What the link itself carried meanwhile, in the busier direction; absent when it is not known. */
  readonly loadBps?: number;
};

export type AskedTarget = {
  /** 0: there was nobody to ask. */
  readonly sent: number;
  /** Of the answers. */
  readonly delaysMillis: readonly number[];
  /** Why the last of its questions could not be asked or was refused. */
  readonly reason?: string;
  /** What the other links hear of the same target, where it is asked over them as well. */
  readonly elsewhere?: 'answers' | 'silent';
  /** It is the peer of a tunnel. */
  readonly isPeer?: true;
};

export type JudgedRound = {
  /** undefined: nobody was asked. */
  readonly isGood: boolean | undefined;
  readonly nextHop: 'answers' | 'silent' | undefined;
  /** Those who count for the rule. */
  readonly answering: readonly AskedTarget[];
  readonly silent: readonly AskedTarget[];
};

export function judgeRound(
  { rule, answers }: Pick<ProbeConfig, 'rule' | 'answers'>,
  asked: readonly ProbeTarget[],
  round: ProbeRound,
): JudgedRound {
  const doesAnswer = ({ sent, delaysMillis }: AskedTarget) => delaysMillis.length >= Math.min(answers, sent);
  const counted = countedTargets(asked, round);
  const answering = counted.filter(doesAnswer);
  const silent = counted.filter((target) => !doesAnswer(target));
  const hop = round.targets[asked.findIndex(({ kind }) => kind === 'neighbour')];
  const isHopAsked = hop !== undefined && hop.sent > 0;
  return {
    isGood: counted.length === 0 ? undefined : isEnough(rule, answering.length, counted.length),
    nextHop: isHopAsked ? (hop.delaysMillis.length > 0 ? 'answers' : 'silent') : undefined,
    answering,
    silent,
  };
}

/** A next hop proves the line to itself only: it counts where nobody behind it is asked. */
export function countedTargets(asked: readonly ProbeTarget[], round: ProbeRound): AskedTarget[] {
  const wasAsked = round.targets.filter(({ sent }) => sent > 0);
  const far = wasAsked.filter((target) => asked[round.targets.indexOf(target)]?.kind !== 'neighbour');
  const isAskedForFar = asked.some(({ kind }) => kind !== 'neighbour');
  return isAskedForFar ? far : wasAsked;
}

/** `most`: with two targets one of them, or a dead target alone would take the link down. */
function isEnough(rule: ProbeConfig['rule'], answering: number, of: number): boolean {
  switch (rule) {
    case 'all':
      return answering === of;
    case 'most':
      return answering > 0 && answering * 2 >= of;
    case 'any':
      return answering > 0;
  }
}

/** The lower of the two in the middle; undefined for none. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((one, other) => one - other)[(values.length - 1) >> 1];
}
