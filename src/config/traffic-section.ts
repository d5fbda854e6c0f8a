/** The `traffic` list of a tunnel's `demand`: what counts towards dialling a link. Source: S4.8. */

import { z } from 'zod';
import { network } from './address-fields.ts';
import { oneOrMore } from './list-fields.ts';
import { textField } from './text-field.ts';
import { wrongValue } from './wording.ts';

/** First and last port; equal for a single one. */
export type PortRange = { readonly first: number; readonly last: number };

const protocols = ['tcp', 'udp', 'icmp'] as const;
const allowedProtocols = 'tcp, udp or icmp';

const trafficSchema = z
  .strictObject(
    {
      protocol: z
        .enum(protocols, { error: (issue) => wrongValue(issue.input, allowedProtocols) })
        .optional()
        .meta({
          description: 'The protocol; `icmp` is that of both families.',
          allowed: allowedProtocols,
          shownDefault: 'any',
        }),
      from: oneOrMore(network(), 64).optional().meta({
        description: "Networks on this gateway's side: of senders, and of receivers in what the peer sends.",
        shownDefault: 'any',
      }),
      to: oneOrMore(network(), 64).optional().meta({
        description: "Networks on the peer's side.",
        shownDefault: 'any',
      }),
      ports: oneOrMore(ports(), 64).optional().meta({
        description: "Ports of TCP or UDP on the peer's side, one by one or from first to last.",
        shownDefault: 'any',
      }),
    },
    { error: (issue) => wrongValue(issue.input, 'a map with protocol, from, to or ports') },
  )
  .meta({
    description:
      'An entry of what counts. Without any of the settings it is everything that the tunnel carries.',
    allowed: 'a map, see below',
  });

export const trafficList = () =>
  oneOrMore(trafficSchema, 32)
    .optional()
    .meta({
      description:
        'What may cause a dial and keep a link up: a packet counts when one entry fits it in everything that the entry ' +
        'says. All else may use a link that is up. It concerns `above` and `below`; `outage` dials for anybody, and ' +
        '`queue` while such packets flow.',
      shownDefault: 'everything, of all tunnels over the links',
    });

function ports() {
  const allowed = 'a port from 1 to 65535, or a range such as 5000-5100';
  const field = textField<PortRange>(allowed, (text) => {
    const parts = /^(?<first>\d{1,5})(?:-(?<last>\d{1,5}))?$/.exec(text)?.groups;
    const first = Number(parts?.['first']);
    const last = Number(parts?.['last'] ?? first);
    return first >= 1 && last <= 65535 && first <= last ? { value: { first, last } } : { wrong: undefined };
  });
  // A single port is a number to YAML.
  return z.preprocess((input) => (Number.isInteger(input) ? String(input) : input), field).meta({ allowed });
}
