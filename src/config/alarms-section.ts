/** The `alarms` section: who is told of what happens. Source: S1.7, S1.11. */

import { z } from 'zod';
import { endpoint } from './address-fields.ts';
import { usmHashes } from './config.ts';
import { listOf, oneOrMore } from './list-fields.ts';
import { absolutePath } from './name-fields.ts';
import { trueOrFalse } from './quantity-fields.ts';
import { choice, numeralField, patternField, textField } from './text-field.ts';
import { wrongValue } from './wording.ts';

/** RFC 3417 section 3.1: the port for traps. */
const trapPort = 162;
const mostReceivers = 16;

const webhookSchema = z
  .strictObject(
    {
      url: webhookUrl().meta({ description: 'Where each alarm is sent by HTTP POST, as one JSON document.' }),
      'headers-file': absolutePath().optional().meta({
        description:
          'A file of mode 0600 with headers that are sent along, such as `Authorization: Bearer …`, one on each line.',
      }),
    },
    { error: (issue) => wrongValue(issue.input, 'a map with url and, where wanted, headers-file') },
  )
  .meta({ allowed: 'a map, see below' });

const snmpSchema = z
  .strictObject(
    {
      to: endpoint(trapPort).meta({
        description: 'Where SNMP traps are sent, by UDP; without a port to 162.',
        allowed: 'an address with an optional port: 192.0.2.10, 192.0.2.10:1162 or "[2001:db8::10]:162"',
      }),
      version: snmpVersion().default('3').meta({
        description:
          '`3` proves who sent a trap and hides what it says, with `auth` and `privacy`; `2c` sends everything readable.',
      }),
      'community-file': absolutePath().optional().meta({
        description: 'Of version 2c: a file of mode 0600 with the community.',
        shownDefault: 'required with version 2c',
      }),
      user: patternField('1 to 32 of letters, digits, "_", "." and "-"', /^[A-Za-z0-9_.-]{1,32}$/)
        .optional()
        .meta({
          description: 'Of version 3: the name of the user that the receiver knows for this engine.',
          shownDefault: 'required with version 3',
        }),
      auth: choice(...usmHashes)
        .optional()
        .meta({
          description:
            'Of version 3: how the sender is proved. `sha1` is for receivers that know nothing newer.',
          shownDefault: 'none: not proved',
        }),
      'auth-password-file': absolutePath().optional().meta({
        description: 'A file of mode 0600 with the password of `auth`, at least 8 characters.',
        shownDefault: 'required with `auth`',
      }),
      privacy: patternField('aes128', /^aes128$/)
        .optional()
        .meta({
          description: 'Of version 3, with `auth`: how a trap is encrypted.',
          shownDefault: 'none: readable',
        }),
      'privacy-password-file': absolutePath().optional().meta({
        description: 'A file of mode 0600 with the password of `privacy`, at least 8 characters.',
        shownDefault: 'required with `privacy`',
      }),
      'engine-id': engineId().optional().meta({
        description:
          'Of version 3: the identifier of this gateway as an SNMP engine, as the receiver has it. `backstay alarm test` shows it.',
        shownDefault: "made from the gateway's identity",
      }),
    },
    { error: (issue) => wrongValue(issue.input, 'a map with at least to') },
  )
  .meta({ allowed: 'a map, see below' });

const mailSchema = z
  .strictObject(
    {
      to: oneOrMore(mailAddress(), mostReceivers).meta({ description: 'Who gets a mail.' }),
      from: mailAddress().meta({ description: "The sender's address, which errors are returned to." }),
    },
    { error: (issue) => wrongValue(issue.input, 'a map with to and from') },
  )
  .optional()
  .meta({
    description: "Mail by the machine's own sendmail (/usr/sbin/sendmail).",
    allowed: 'a map, see below',
  });

export const alarmsSection = z
  .strictObject(
    {
      from: choice('info', 'notice', 'warning', 'alarm').default('warning').meta({
        description:
          'The least severity that is told. That trouble is over is told wherever the trouble was, whatever its severity.',
      }),
      syslog: trueOrFalse().default(false).meta({
        description: 'Whether the system log is told (/dev/log, facility daemon).',
      }),
      'keepalive-log': absolutePath().optional().meta({
        description:
          'A file for failed probe rounds and changes of the links, one line each; 1 MiB and one older file beside it.',
      }),
      webhooks: listOf(webhookSchema, mostReceivers).default([]).meta({
        description: 'HTTP servers that are told.',
      }),
      snmp: listOf(snmpSchema, mostReceivers).default([]).meta({
        description: 'SNMP managers that are told by traps; packaging/BACKSTAY-MIB.txt has what they say.',
      }),
      mail: mailSchema,
    },
    { error: (issue) => wrongValue(issue.input, 'a map with receivers of alarms') },
  )
  .optional()
  .meta({
    description: 'Who is told of what happens ([alarms.md](alarms.md)). Without it: the journal alone.',
  });

function snmpVersion() {
  return numeralField<'2c' | '3'>('2c or 3', (text) =>
    text === '2c' || text === '3'
      ? { value: text }
      : { wrong: text === '1' ? 'which has no such traps' : undefined },
  );
}

function webhookUrl() {
  const allowed = 'a URL such as https://example.org/hook';
  return textField<string>(allowed, (text) =>
    parseUrl(text) === null ? { wrong: undefined } : { value: text },
  )
    .refine((text) => parseUrl(text)?.username === '' && parseUrl(text)?.password === '', {
      // Not shown: what checks the file may be logged.
      error: 'has a user or a password that every reader of the file sees; headers-file is for secrets',
    })
    .meta({ allowed });
}

function parseUrl(text: string): URL | null {
  return /^https?:\/\/[!-~]{1,2000}$/.test(text) ? URL.parse(text) : null;
}

/** RFC 5321 section 4.1.2 without quoted names: what every mail server takes. */
function mailAddress() {
  const allowed = 'a mail address such as noc@example.org';
  return patternField(
    allowed,
    /^(?=.{3,254}$)[A-Za-z0-9][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/,
  );
}

/** RFC 3411, SnmpEngineID: 5 to 32 octets, not all 0 or all 255. */
function engineId() {
  const allowed = '10 to 64 hexadecimal digits, with or without 0x before them';
  return textField<string>(allowed, (text) => {
    const digits = /^(?:0x)?(?<digits>(?:[0-9A-Fa-f]{2}){5,32})$/.exec(text)?.groups?.['digits'];
    if (digits === undefined) return { wrong: undefined };
    if (/^(?:0+|f+)$/i.test(digits)) return { wrong: 'which no engine may have' };
    return { value: digits.toLowerCase() };
  });
}
