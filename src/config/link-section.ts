/** The `links` section: the ways out to the internet. */

import { z } from 'zod';
import { linkAddress, nextHop } from './address-fields.ts';
import { encapsulations } from './config.ts';
import { autoOrPerFamily } from './list-fields.ts';
import { givenName, interfaceName } from './name-fields.ts';
import { onDemandSchema } from './on-demand-section.ts';
import { probeSchema } from './probe-section.ts';
import { duration, rate, wholeNumber } from './quantity-fields.ts';
import { choice } from './text-field.ts';
import { wrongValue } from './wording.ts';

/** The port of ESP in UDP (RFC 3948), which firewalls for VPNs let through. */
export const defaultPort = 4500;

export const linkSchema = z.strictObject(
  {
    interface: interfaceName().meta({
      description:
        'The network interface through which this link goes out, such as `eth1`, `ppp0` or `wwan0`.',
    }),
    address: autoOrPerFamily(linkAddress())
      .default('auto')
      .meta({
        description:
          'The outer source address. `auto` takes the first global IPv4 and the first global IPv6 address of the ' +
          'interface and follows when they change. Give addresses when the interface has several.',
      }),
    gateway: autoOrPerFamily(nextHop())
      .default('auto')
      .meta({
        description:
          "The next hop. `auto` takes it from the main table's default route over this interface; when there is none, " +
          'the link is taken to be point-to-point.',
      }),
    port: wholeNumber(1, 65535)
      .default(defaultPort)
      .meta({ description: 'The UDP and TCP port on which this gateway sends and receives on this link.' }),
    encapsulation: choice(...encapsulations)
      .default('auto')
      .meta({
        description:
          "What carries the tunnel's packets over this link: `udp`, `tcp`, or `auto`: UDP, and a TCP connection " +
          'where and as long as UDP is not answered. With `tcp` on one side the other one, with `auto`, sends by TCP too.',
      }),
    rate: rate()
      .optional()
      .meta({
        description:
          'What the link can carry, if it is known: where to begin, as long as nothing has been measured, the weight of ' +
          'the link where a tunnel has `schedule: weight`, and the capacity by which `demand` decides. In bits per ' +
          'second (1 mbit = 1,000,000 bits).',
      }),
    keepalive: duration('50ms', '60s')
      .prefault('500ms')
      .meta({
        description:
          'How often an idle path of this link is checked. Short intervals find a dead link sooner and cost traffic: ' +
          'at 500 ms about 1 GB a month for each path.',
      }),
    mtu: wholeNumber(1280, 9000).default(1500).meta({
      description:
        'The largest outer IP packet that the way over this link carries, in bytes. Less is found out by itself, more is not tried.',
    }),
    use: z
      .enum(['always', 'on-demand'], { error: (issue) => wrongValue(issue.input, 'always or on-demand') })
      .default('always')
      .meta({
        description:
          'Whether the link is always used, or brought up when the `demand` of a tunnel asks for it.',
        allowed: 'always or on-demand',
      }),
    'on-demand': onDemandSchema.optional().meta({
      description: 'How a link with `use: on-demand` is brought up and hung up.',
    }),
    probe: probeSchema.optional().meta({
      description: 'By whom it is found out whether the link works, and when it counts as down or degraded.',
      shownDefault: 'none: the link is not probed',
    }),
  },
  { error: (issue) => wrongValue(issue.input, 'a map with at least interface') },
);

export const linksSection = z
  .record(givenName(), linkSchema, {
    error: (issue) => wrongValue(issue.input, 'a map from names to links, with at least one link'),
  })
  .superRefine((links, context) => {
    if (Object.keys(links).length > 0) return;
    context.addIssue({ code: 'custom', message: 'has no entry, must have at least one link' });
  })
  .meta({
    description: 'The ways out to the internet, each under a name of its own, in the order of preference.',
  });
