/**
 * The configuration file as a schema: the one source of its types, defaults, checks and reference documentation.
 *
 * Contract: `z.input` is what may be written; the output has every default filled in that does not depend on another
 * setting, durations in milliseconds, rates in bits per second, addresses parsed. What depends on other settings is
 * filled in by resolve-config.ts; what must fit together is checked by cross-checks.ts. Every field has `description`
 * and `allowed` in its metadata.
 */

import { z } from 'zod';
import { alarmsSection } from './alarms-section.ts';
import { gatewaySection } from './gateway-section.ts';
import { internetSection } from './internet-section.ts';
import { linksSection } from './link-section.ts';
import { tunnelsSection } from './tunnel-section.ts';
import { wrongValue } from './wording.ts';

export const configSchema = z.strictObject(
  {
    gateway: gatewaySection,
    links: linksSection,
    internet: internetSection.optional().meta({
      description:
        'Which links carry plain traffic to the internet, of this machine and of the networks behind it, outside of the tunnels. ' +
        'Without this section no default route is touched.',
    }),
    tunnels: tunnelsSection,
    alarms: alarmsSection,
  },
  {
    error: (issue) =>
      wrongValue(issue.input, 'a map with gateway, links and, where wanted, internet and tunnels'),
  },
);

/** What the operator writes. */
export type ConfigInput = z.input<typeof configSchema>;

/** What was written, checked and parsed. */
export type ParsedConfig = z.output<typeof configSchema>;
export type ParsedLink = ParsedConfig['links'][string];
export type ParsedTunnel = ParsedConfig['tunnels'][string];
