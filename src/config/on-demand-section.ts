/** The `on-demand` block of a link: how it is brought up and hung up, when, and in which order. Source: S4.8, S1.4. */

import { z } from 'zod';
import { dialHours, timeZone } from './dial-hours-field.ts';
import { oneOrMore } from './list-fields.ts';
import { commandWords } from './name-fields.ts';
import { pppSchema } from './ppp-section.ts';
import { duration, wholeNumber } from './quantity-fields.ts';
import { wrongValue } from './wording.ts';

export const onDemandSchema = z.strictObject(
  {
    'up-command': commandWords()
      .optional()
      .meta({
        description:
          'The program that brings the link up, with its arguments: no shell in between, as the user of the daemon, ' +
          'with `BACKSTAY_LINK` and `BACKSTAY_INTERFACE` in its environment. It has done its part when it ends with ' +
          'status 0; the link is up when its interface is up and has an address.',
        shownDefault: 'none: the link has `ppp`',
      }),
    'down-command': commandWords()
      .optional()
      .meta({
        description:
          'The program that hangs the link up. It also runs after a failed attempt, after the daemon was killed, and ' +
          'when the daemon stops, so it must do no harm to a link that is down already.',
        shownDefault: 'none: the link has `ppp`',
      }),
    ppp: pppSchema.optional().meta({
      description:
        'A modem that the daemon dials itself, through pppd and chat, in place of the two commands.',
      shownDefault: 'none: the link has its commands',
    }),
    within: duration('1s', '2h')
      .optional()
      .meta({
        description:
          'How long the up-command and the coming up of the link may take together, the down-command for itself, and ' +
          'how long a link that is lost may take to come back before it is hung up.',
        shownDefault: '30s; with `ppp` as long as its tries may take',
      }),
    hold: duration('1s', '24h')
      .prefault('60s')
      .meta({ description: 'The link stays up at least so long, unless it fails or its hours end.' }),
    retry: duration('1s', '1h').prefault('30s').meta({
      description:
        'The pause after a failure, twice as long after each further one in a row, up to sixteen times.',
    }),
    cost: wholeNumber(0, 1000).default(0).meta({
      description:
        'The cheapest link is dialled first and hung up last; among equals the order of the file counts.',
    }),
    hours: oneOrMore(dialHours(), 64)
      .optional()
      .meta({
        description:
          'When the link may be up. Outside of these hours it is not dialled, and hung up at once, whatever `hold` says. ' +
          'Hours beyond midnight belong to the day on which they begin.',
        shownDefault: 'at any time',
      }),
    'time-zone': timeZone().optional().meta({
      description: 'The time zone of `hours`.',
      shownDefault: 'that of the machine',
    }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with up-command and down-command, or with ppp') },
);
