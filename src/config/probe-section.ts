/**
 * The `probe` block of a link: who is asked whether the link works, how often, and what is made of the answers.
 * Source: S1.1, S1.2 and the seed's `DialBkup.cfg` (Delay, Idaddr, Retry, Frequency).
 */

import { z } from 'zod';
import { type Endpoint, parseEndpoint } from '../network/ip-address.ts';
import { endpoint, isHost, linkAddress } from './address-fields.ts';
import { listOf } from './list-fields.ts';
import { givenName } from './name-fields.ts';
import { duration, share, wholeNumber } from './quantity-fields.ts';
import { choice, patternField, textField } from './text-field.ts';
import { wrongValue } from './wording.ts';

/** Each costs packets in every round of every link. */
const maximumTargets = 8;

export const targetKinds = ['icmp', 'tcp', 'dns', 'http', 'neighbour', 'tunnel'] as const;

/** What is asked for, and of whom. */
export type HttpPlace = Endpoint & { readonly path: string };

const targetSchema = z.strictObject(
  {
    icmp: linkAddress().optional().meta({
      description: 'An address that is sent ICMP echo requests of 64 bytes.',
      allowed: 'an IPv4 or IPv6 address',
    }),
    tcp: tcpPlace()
      .optional()
      .meta({
        description:
          'An address and port that TCP connections are opened to, and closed again. A refused connection is an answer: ' +
          'the way there and back works.',
      }),
    dns: endpoint(53).optional().meta({
      description:
        'A DNS server that is asked by UDP for the address of `name`; that there is no such name is an answer.',
    }),
    name: patternField(
      'a DNS name such as example.org',
      /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/,
    )
      .optional()
      .meta({ description: 'What a target `dns` is asked for.', shownDefault: 'required with `dns`' }),
    http: httpPlace().optional().meta({
      description: 'A page that is fetched by HTTP (without TLS); only a status of 200 to 299 is an answer.',
    }),
    neighbour: patternField('next-hop', /^next-hop$/)
      .optional()
      .meta({
        description:
          "`next-hop`: the link's next hop is asked by ARP, or by neighbour discovery for IPv6. It proves the line to the " +
          'next device only; where the link has no next hop it counts for nothing.',
      }),
    tunnel: givenName()
      .optional()
      .meta({
        description:
          'The name of a tunnel over this link. It answers while a path of the tunnel over the link carries, by what the tunnel ' +
          'knows anyway: no packet is sent for it. While the tunnel has not been up, or its peer has left, it is not asked.',
        allowed: 'the name of a tunnel that uses the link',
      }),
  },
  {
    error: (issue) => wrongValue(issue.input, 'a map with one of icmp, tcp, dns, http, neighbour or tunnel'),
  },
);

export const probeSchema = z.strictObject(
  {
    targets: listOf(targetSchema, maximumTargets).meta({
      description: 'Who is asked. Two or more, of different owners, tell a dead target from a dead link.',
    }),
    rule: choice('all', 'most', 'any').default('most').meta({
      description:
        'Which of the targets must answer for a round to be good: all of them, more than half, or one.',
    }),
    count: wholeNumber(1, 20).default(3).meta({
      description: 'How often each target is asked in a round.',
    }),
    answers: wholeNumber(1, 20).default(1).meta({
      description:
        'How many of these a target must answer; when it answers fewer it counts as silent in this round.',
    }),
    every: duration('20ms', '10s').prefault('200ms').meta({
      description: 'The time between two questions to a target within a round.',
    }),
    timeout: duration('50ms', '30s').prefault('800ms').meta({
      description: 'How long an answer may take.',
    }),
    interval: duration('50ms', '1h').prefault('500ms').meta({
      description: 'The pause between the end of a round and the next one.',
    }),
    retries: wholeNumber(0, 100)
      .default(1)
      .meta({
        description:
          'How many bad rounds in a row are ignored; the link is down with the one after them. With the defaults silence ' +
          'is acted upon within 5 seconds.',
      }),
    recover: wholeNumber(1, 1000).default(3).meta({
      description: 'How many good rounds in a row bring the link up again.',
    }),
    hold: duration('50ms', '1h')
      .prefault('1s')
      .meta({
        description:
          'How long a link that was down must be good without a break before it is up again. Each further failure ' +
          'doubles it, up to `hold-most`.',
      }),
    'hold-most': duration('50ms', '24h').prefault('5m').meta({
      description: 'The longest that `hold` grows to.',
    }),
    calm: duration('1s', '7d').prefault('10m').meta({
      description:
        'A link that was not down for so long is forgiven one failure, and one more after each such time.',
    }),
    'loss-above': share()
      .prefault('20%')
      .meta({
        description:
          'The link is degraded when more than this share of the questions of the last ten rounds was lost. Targets that ' +
          'were silent all along, `neighbour` and `tunnel` are not counted.',
      }),
    'loss-below': share().prefault('5%').meta({
      description: 'It is no longer degraded by loss when less than this share was lost.',
    }),
    'delay-above': duration('1ms', '30s').optional().meta({
      description: 'The link is degraded when the median delay of the last ten rounds is more than this.',
      shownDefault: 'none: delay does not degrade',
    }),
    'delay-below': duration('1ms', '30s').optional().meta({
      description: 'It is no longer degraded by delay when the median is less than this.',
      shownDefault: 'four fifths of `delay-above`',
    }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with at least targets') },
);

export type ParsedProbe = z.output<typeof probeSchema>;
export type ParsedTarget = z.output<typeof targetSchema>;

function tcpPlace() {
  const allowed = 'an address with a port, such as 198.51.100.1:443 or "[2001:db8::1]:443"';
  return textField<Endpoint>(allowed, (text) => {
    const place = parseEndpoint(text, 0);
    if (place === undefined) return { wrong: undefined };
    if (place.port === 0) return { wrong: 'which has no port' };
    return isHost(place.address) ? { value: place } : { wrong: 'which is no address of a host' };
  });
}

function httpPlace() {
  const allowed = 'a URL with an address, such as http://192.0.2.80/alive or "http://[2001:db8::80]:8080/"';
  return textField<HttpPlace>(allowed, (text) => {
    const parts = /^http:\/\/(?<place>[^/?#@\s]+)(?<path>\/[!-~]{0,1000})?$/.exec(text)?.groups;
    const place = parts && parseEndpoint(parts['place'] ?? '', 80);
    if (place === undefined) return { wrong: httpReason(text) };
    if (!isHost(place.address)) return { wrong: 'which is no address of a host' };
    return { value: { ...place, path: parts?.['path'] ?? '/' } };
  });
}

function httpReason(text: string): string | undefined {
  if (/^https:/.test(text)) return 'which needs TLS';
  return /^http:\/\/[A-Za-z][A-Za-z0-9.-]*[:/]?/.test(text) ? 'which has a name, not an address' : undefined;
}
