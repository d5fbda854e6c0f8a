/** What must fit together within the block `on-demand` of a link: the way it is dialled, and the time that this takes. */

import type { CrossCheck } from './cross-checks.ts';
import { indexed, linksOf } from './draft-entries.ts';
import { triesMillis } from './ppp-section.ts';

const commands = ['up-command', 'down-command'] as const;

export const oneWayToDial: CrossCheck = {
  rule: 'A link on demand has either `ppp`, or `up-command` and `down-command`.',
  check: (entries) =>
    linksOf(entries).flatMap((link) => {
      const block = link['on-demand'];
      if (block === undefined) return [];
      const path = ['links', link.name, 'on-demand'];
      const has = (key: string) => Object.hasOwn(block, key);
      const given = commands.filter(has);
      if (has('ppp')) {
        const message = 'is given beside ppp, must be left out, or ppp be';
        return given.map((key) => ({ path: [...path, key], message, atKey: true }));
      }
      const missing = commands.filter((key) => !has(key));
      if (missing.length === 0) return [];
      const message =
        given.length === 0
          ? 'does not say how the link is dialled, must have up-command and down-command, or ppp'
          : `has ${given[0]}, must have ${missing[0]} as well`;
      return [{ path, message, atKey: true }];
    }),
};

export const timeForTries: CrossCheck = {
  rule:
    'The `within` of a link with `ppp` leaves room for all its tries: for each of them 5 s per command of `init`, `answer-within` and ' +
    '`negotiate-within`, `pause` between them, and 10 s for starting and hanging up.',
  check: (entries) =>
    linksOf(entries).flatMap((link) => {
      const { ppp, within } = link['on-demand'] ?? {};
      if (ppp === undefined || within === undefined) return [];
      const { tries, pause, 'answer-within': answer, 'negotiate-within': negotiate } = ppp;
      const init = indexed(ppp.init).map(([, command]) => command);
      if (ppp.init === undefined || tries === undefined || pause === undefined) return [];
      if (answer === undefined || negotiate === undefined) return [];
      const needed = triesMillis({
        init,
        tries,
        pause,
        'answer-within': answer,
        'negotiate-within': negotiate,
      });
      if (within >= needed) return [];
      const message =
        `is ${within / 1000} s, but ${tries} ${tries === 1 ? 'try' : 'tries'} of ppp may take ${needed / 1000} s, ` +
        `must be at least that, or left out`;
      return [{ path: ['links', link.name, 'on-demand', 'within'], message }];
    }),
};
