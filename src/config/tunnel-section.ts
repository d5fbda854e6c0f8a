/** The `tunnels` section: the encrypted tunnels to other gateways. */

import { z } from 'zod';
import { endpoint, interfaceAddress, network } from './address-fields.ts';
import { classList } from './class-section.ts';
import { schedules } from './config.ts';
import { demandSchema } from './demand-section.ts';
import { filterDefault, filterList } from './filter-section.ts';
import { defaultPort } from './link-section.ts';
import { oneOrMore } from './list-fields.ts';
import { fingerprint, givenName, interfaceName } from './name-fields.ts';
import { duration, wholeNumber } from './quantity-fields.ts';
import { choice } from './text-field.ts';
import { wrongValue } from './wording.ts';

const peerSchema = z.strictObject(
  {
    fingerprint: fingerprint().meta({
      description: "The fingerprint of the peer's public key, as `backstay keygen` printed it there.",
    }),
    addresses: oneOrMore(endpoint(defaultPort), 16)
      .default([])
      .meta({
        description:
          `Where the peer is found, with the port if it is not ${defaultPort}. With addresses this gateway begins ` +
          'the tunnel; without them it waits for the peer, whose addresses may then be dynamic or behind NAT.',
      }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with at least fingerprint') },
);

const rekeySchema = z.strictObject(
  {
    after: duration('10s', '24h')
      .prefault('1h')
      .meta({ description: 'New keys are made when the current ones are this old.' }),
    // 2^34 full-size packets keep the chance to tell AES-GCM from random below 2^-45 (RFC 9001 appendix B.1).
    packets: wholeNumber(65_536, 17_179_869_184)
      .default(4_294_967_296)
      .meta({ description: 'New keys are made when the current ones have protected this many packets.' }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with after, packets or both') },
);

export const tunnelSchema = z.strictObject(
  {
    peer: peerSchema.meta({ description: 'The gateway at the other end.' }),
    links: oneOrMore(givenName(), 64).optional().meta({
      description: 'The links this tunnel may use, by name.',
      shownDefault: 'all links, in their order',
    }),
    interface: interfaceName().optional().meta({
      description: 'The name of the TUN interface that the daemon makes for this tunnel.',
      shownDefault: '`bs-` and the name of the tunnel, cut to 15 characters',
    }),
    address: oneOrMore(interfaceAddress(), 16)
      .default([])
      .meta({ description: 'The inner addresses of the TUN interface, with their subnets.' }),
    networks: oneOrMore(network(), 1024)
      .default([])
      .meta({
        description:
          'The networks behind the peer. They are routed into the tunnel, and what the peer sends must come from ' +
          'them (or from the subnets of `address`). 0.0.0.0/0 and ::/0 send everything else through this tunnel.',
      }),
    mtu: z
      .union([z.literal('auto'), wholeNumber(576, 9000, 'auto or ')])
      .default('auto')
      .meta({
        description:
          'The largest inner packet, in bytes. `auto` is what fits into one packet on every link of the tunnel: the ' +
          'smallest link MTU less 82 (IPv6 40, UDP 8, ESP 8, IV 8, ICV 16, trailer 2) in whole ESP blocks. With a larger ' +
          'one (1500, say) packets that are too long for the links go in pieces, which costs some speed.',
      }),
    schedule: choice(...schedules)
      .default('arrival')
      .meta({
        description:
          'Which link a packet takes. `arrival`: the one on which it arrives first, by the rates and delays that the ' +
          'tunnel measures; what is more than the links carry waits in the device. `weight`: the links share in ' +
          'proportion to their `rate`, or evenly where one of them has none; nothing is held back.',
      }),
    filters: filterList().meta({
      description:
        'Which traffic may use this tunnel: the first filter that matches decides, those of `gateway.filters` before ' +
        'these. Replies within what was accepted always pass. See [filters](filters.md).',
    }),
    'filter-default': filterDefault().meta({
      description: 'What happens to traffic that no filter matches.',
    }),
    classes: classList().meta({
      description:
        'How the traffic towards the peer is carried, where `spread` is not what it needs: the first class that matches ' +
        'decides. The peer has classes of its own for the other direction. See [classes](classes.md).',
    }),
    rekey: rekeySchema.prefault({}).meta({ description: 'When the keys of the tunnel are replaced.' }),
    demand: demandSchema.optional().meta({
      description:
        'When links with `use: on-demand` are brought up for this tunnel, and when they are hung up.',
      shownDefault: 'links on demand are dialled when no other carries',
    }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with at least peer') },
);

export const tunnelsSection = z
  .preprocess(
    // What is left of the section when all its entries are commented out.
    (input) => input ?? {},
    z.record(givenName(), tunnelSchema, {
      error: (issue) => wrongValue(issue.input, 'a map from names to tunnels'),
    }),
  )
  .meta({
    description: 'The encrypted tunnels to other gateways, each under a name of its own. May be left out.',
  });
