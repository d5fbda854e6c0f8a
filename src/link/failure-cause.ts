/**
 * What a link's trouble is called, by who answers and who does not.
 *
 * Contract: pure; a name is given on positive evidence only. Source: S1, "Links", of the mission's resilience design.
 */

import type { AskedTarget, JudgedRound } from './probe-round.ts';

/** What each means, for the operator; docs/link-probes.md has them too. */
export const failureCauses = {
  targetDead: 'targets are silent, others answer',
  peerDead: 'the peer is silent over every link',
  providerDead: 'the next hop answers, nobody behind it does',
  linkDead: 'the next hop is silent, and so is everybody behind it',
  linkGone: 'its interface or its address was gone',
  noAnswer: 'nobody answers, and there is no next hop to ask',
  overloaded: "loss or delay comes with the link's own load only",
  lossy: 'too many questions are lost',
  slow: 'answers take too long',
} as const;

export type FailureCause = keyof typeof failureCauses;

/** The cause of silence; undefined when all who count answer. */
export function causeOfSilence({ answering, silent, nextHop }: JudgedRound): FailureCause | undefined {
  if (silent.length === 0) return undefined;
  if (silent.every(isPeerGone) && (answering.length > 0 || nextHop === 'answers')) return 'peerDead';
  if (answering.length > 0) return 'targetDead';
  if (nextHop === undefined) return 'noAnswer';
  return nextHop === 'answers' ? 'providerDead' : 'linkDead';
}

function isPeerGone({ isPeer, elsewhere }: AskedTarget): boolean {
  return isPeer === true && elsewhere === 'silent';
}
