/** Who carries plain traffic to the internet, as a part of a sentence. */

import type { InternetLinkEvidence, InternetLost, InternetMoved } from './event.ts';
import { formatMillis } from './quantity.ts';

export function describeInternetMoved(evidence: InternetMoved): string {
  const { families, before, after, canary, reason, heldMillis, links, cut, tookMillis } = evidence;
  const what = `the internet (${familyNames(families)})`;
  const held = heldMillis === undefined ? '' : ` for ${formatMillis(heldMillis)}`;
  const why = `${describeMove(reason)}${held}; ${describeStates(links)}`;
  if (canary !== undefined) {
    const share = `${Math.round(canary.share * 100)} %`;
    return `lets ${share} of new connections to ${what} return to ${list(canary.links)}: ${why}`;
  }
  const flushed = cut.length === 0 ? '' : `; connections over ${list(cut)} were cut off`;
  const way = before.length === 0 ? `sends ${what} by` : `moved ${what} from ${list(before)} to`;
  return `${way} ${list(after)} in ${formatMillis(tookMillis)}: ${why}${flushed}`;
}

export function describeInternetLost({ families, kept, links }: InternetLost): string {
  return `has no link that works for the internet (${familyNames(families)}), and keeps to ${list(kept)}: ${describeStates(links)}`;
}

/** Why these links carry. */
export function describeMove(reason: InternetMoved['reason'] | undefined): string {
  switch (reason) {
    case undefined:
      return 'as an earlier run left it';
    case 'first':
      return 'the best that there is';
    case 'failed':
      return 'what carried before does not work';
    case 'better':
      return 'a better tier was good';
    case 'joined':
      return 'links of the same tier came or are better';
    case 'operator':
      return 'the operator said so';
    case 'canaryFailed':
      return 'what was to return failed again';
  }
}

function describeStates(links: readonly InternetLinkEvidence[]): string {
  return links.map(({ link, tier, state }) => `${link} (tier ${tier}) is ${state}`).join(', ');
}

function familyNames(families: readonly (4 | 6)[]): string {
  return families.map((family) => `IPv${family}`).join(' and ');
}

function list(names: readonly string[]): string {
  return names.join(', ') || 'nothing';
}
