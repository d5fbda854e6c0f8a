/** The `demand` block of a tunnel: when its links on demand are dialled, and when they are spared. Source: S4.8. */

import { z } from 'zod';
import { duration, share } from './quantity-fields.ts';
import { trafficList } from './traffic-section.ts';
import { wrongValue } from './wording.ts';

export const demandSchema = z.strictObject(
  {
    above: share()
      .optional()
      .meta({
        description:
          'The next link is dialled when more than this share of the capacity of the links that carry is in use for as ' +
          'long as `for`. Capacity is the `rate` of the links, or without it what they were measured to carry; a link of ' +
          'which neither is known counts as never full. Where `rate` is not to be relied on, use `queue` as well.',
        shownDefault: 'none: use dials no link',
      }),
    for: duration('1s', '1h')
      .prefault('10s')
      .meta({ description: 'How long `above` or `queue` must be exceeded without a break.' }),
    below: share()
      .prefault('40%')
      .meta({
        description:
          'A link is hung up when the others that carry would be used less than this without it for as long as ' +
          '`below-for`. It must be less than `above`: what is in between changes nothing.',
      }),
    'below-for': duration('1s', '24h')
      .prefault('60s')
      .meta({
        description:
          'How long use must stay less than `below` without a break; without `above` and `queue`, how long another ' +
          'link must carry again.',
      }),
    queue: duration('1ms', '10s')
      .optional()
      .meta({
        description:
          'The next link is dialled as well when packets wait so long in the queue of every line that carries, for as ' +
          'long as `for`. A line that is full shows about 10 ms, as packets beyond that wait in the gateway.',
        shownDefault: 'none: queues dial no link',
      }),
    outage: duration('1s', '1h')
      .prefault('5s')
      .meta({
        description:
          'A link is dialled when no path of the tunnel carries for so long; on the side that waits for its peer, ' +
          'when none of the links of the tunnel is up for so long.',
      }),
    direction: z
      .enum(['both', 'sent'], { error: (issue) => wrongValue(issue.input, 'both or sent') })
      .default('both')
      .meta({
        description:
          'Whether the busier direction counts, or only what is sent. `sent` is for lines that carry much more ' +
          'towards this gateway than their `rate`.',
        allowed: 'both or sent',
      }),
    traffic: trafficList(),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with above, queue or both') },
);

/** What holds for a tunnel without the block: links are dialled when no other carries. */
export const defaultDemand = demandSchema.parse({});
