/** The `internet` section: which links carry plain traffic, outside of the tunnels. Source: S1.5, S1.8, S1.12, S4.13. */

import { z } from 'zod';
import { network } from './address-fields.ts';
import { oneOrMore } from './list-fields.ts';
import { givenName } from './name-fields.ts';
import { duration, share, wholeNumber } from './quantity-fields.ts';
import { wrongValue } from './wording.ts';

const canarySchema = z.strictObject(
  {
    share: share().meta({ description: 'The share of new connections that returns first.' }),
    for: duration('1s', '1h')
      .prefault('30s')
      .meta({ description: 'How long the better tier must then stay good before the rest follows.' }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with at least share') },
);

const internetLinkSchema = z.strictObject(
  {
    tier: wholeNumber(1, 16).meta({
      description: 'The links of tier 1 carry as long as one of them works, then those of tier 2, and so on.',
    }),
    weight: wholeNumber(1, 100).default(1).meta({
      description: 'The share of new connections among the links of the tier that work.',
    }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with at least tier') },
);

export const internetSection = z.strictObject(
  {
    links: z
      .record(givenName(), internetLinkSchema, {
        error: (issue) =>
          wrongValue(issue.input, 'a map from names of links to their tiers, with at least one'),
      })
      .superRefine((links, context) => {
        if (Object.keys(links).length > 0) return;
        context.addIssue({ code: 'custom', message: 'has no entry, must have at least one link' });
      })
      .meta({
        description: 'The links that may carry it, by their names.',
        shownAllowed: 'a map from names of links, see below',
      }),
    masquerade: oneOrMore(network(), 256).optional().meta({
      description:
        'Networks whose packets get the address of the link that they leave by, as it must be for private networks.',
      shownDefault: 'none',
    }),
    fallback: z
      .enum(['automatic', 'manual'], { error: (issue) => wrongValue(issue.input, 'automatic or manual') })
      .default('automatic')
      .meta({
        description:
          'Whether traffic returns to a better tier by itself, or when the operator says so (`backstay link release`).',
        allowed: 'automatic or manual',
      }),
    hold: duration('1s', '24h').prefault('30s').meta({
      description: 'How long a better tier must be good without a break before traffic returns to it.',
    }),
    canary: canarySchema.optional().meta({
      description: 'Lets a share of new connections return first.',
      shownDefault: 'none: all return at once',
    }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with at least links') },
);
