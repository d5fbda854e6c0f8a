/** The `gateway` section: this machine. */

import { z } from 'zod';
import { filterList } from './filter-section.ts';
import { oneOrMore } from './list-fields.ts';
import { absolutePath, givenName } from './name-fields.ts';
import { trueOrFalse, wholeNumber } from './quantity-fields.ts';
import { wrongValue } from './wording.ts';

/** `sun_path` has 108 bytes with the closing zero (unix(7)). */
const maximumSocketPathBytes = 107;

export const gatewaySection = z
  .strictObject(
    {
      name: givenName().meta({
        description: 'The name of this gateway in status, journal and alarms. Other gateways never see it.',
      }),
      identity: absolutePath().meta({
        description:
          'The PEM file with the private key and the certificate of this gateway, made by `backstay keygen`. ' +
          'It must be readable by its owner only (mode 0600).',
      }),
      state: absolutePath()
        .default('/var/lib/backstay')
        .meta({ description: 'The directory in which the daemon keeps what must survive a restart.' }),
      socket: absolutePath(maximumSocketPathBytes)
        .default('/run/backstay/backstay.sock')
        .meta({ description: 'The Unix socket on which the daemon answers the commands.' }),
      forwarding: trueOrFalse()
        .default(true)
        .meta({
          description:
            'Whether the daemon switches IP forwarding of the kernel on while it runs and restores it at the end. ' +
            'With `false` the operator switches it on.',
        }),
      'tcp-ports': oneOrMore(wholeNumber(1, 65535), 8)
        .default([])
        .meta({
          description:
            'Further TCP ports at which peers may call, on every link where this gateway waits for one, for networks that let ' +
            'out little more than 443. The peer has such a port in its `addresses`; what goes by UDP uses the `port` ' +
            'of the links all the same.',
        }),
      filters: filterList().meta({
        description: 'Traffic filters for every tunnel, which are asked before its own.',
        shownAllowed: 'as `filters` of a tunnel',
      }),
    },
    { error: (issue) => wrongValue(issue.input, 'a map with at least name and identity') },
  )
  .meta({ description: 'This machine.' });
