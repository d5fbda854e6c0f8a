/**
 * The `ppp` block of a link on demand: a modem that is dialled through pppd and chat.
 *
 * Contract: `triesMillis` is the time that all tries may take at most, which `within` must leave. Source: S1.4.
 */

import { z } from 'zod';
import { oneOrMore } from './list-fields.ts';
import { absolutePath } from './name-fields.ts';
import { duration, wholeNumber } from './quantity-fields.ts';
import { patternField } from './text-field.ts';
import { wrongValue } from './wording.ts';

/** A modem that works answers an AT command in a tenth of that; some take a second to reset. */
export const COMMAND_MILLIS = 5_000;

/** For starting pppd, hanging up after a failed try, and the interface's coming up after the last one. */
const SPARE_MILLIS = 10_000;

export const pppSchema = z.strictObject(
  {
    device: deviceName().meta({ description: 'The serial device of the modem.' }),
    speed: lineSpeed().default(115_200).meta({
      description: 'The speed between machine and modem, in bits per second.',
    }),
    phone: phoneNumber().meta({
      description: 'The number that is dialled. In quotes, as YAML would read a number otherwise.',
    }),
    account: accountName().meta({ description: 'The name by which the provider knows this customer.' }),
    'password-file': absolutePath().meta({
      description:
        "The file with the account's password, in one line. It must belong to the user of the daemon and be readable by its " +
        'owner only (mode 0600); it is read at every dial.',
    }),
    init: oneOrMore(modemCommand(), 16).default(['ATZ']).meta({
      description: 'What the modem is told before it dials. Each command must be answered by `OK`.',
    }),
    tries: wholeNumber(1, 10).default(3).meta({
      description: 'How often a dial calls before it has failed. A refused password ends it at once.',
    }),
    pause: duration('1s', '5m').prefault('5s').meta({ description: 'The time between two tries.' }),
    'answer-within': duration('5s', '5m')
      .prefault('60s')
      .meta({ description: 'How long the modem may take from dialling to `CONNECT`.' }),
    'negotiate-within': duration('5s', '5m')
      .prefault('30s')
      .meta({ description: 'How long the two sides may then take to agree (LCP, CHAP or PAP, IPCP).' }),
  },
  {
    error: (issue) => wrongValue(issue.input, 'a map with at least device, phone, account and password-file'),
  },
);

type Tries = {
  readonly init: readonly string[];
  readonly tries: number;
  readonly pause: number;
  readonly 'answer-within': number;
  readonly 'negotiate-within': number;
};

/** In milliseconds. */
export function triesMillis(ppp: Tries): number {
  const one = ppp.init.length * COMMAND_MILLIS + ppp['answer-within'] + ppp['negotiate-within'];
  return ppp.tries * one + (ppp.tries - 1) * ppp.pause + SPARE_MILLIS;
}

/** pppd takes only what lies under /dev. */
function deviceName() {
  return patternField(
    'a path under /dev, such as /dev/ttyS0',
    /^\/dev\/(?!.*\.\.)[A-Za-z0-9_.:+-]+(?:\/[A-Za-z0-9_.:+-]+)*$/,
  );
}

/** As termios(3) has them. */
const speeds = [
  2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000,
  1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
];

function lineSpeed() {
  const allowed = 'a speed of serial lines, such as 9600, 57600, 115200 or 460800';
  const error = (issue: { input?: unknown }) => wrongValue(issue.input, allowed);
  return z
    .int({ error })
    .refine((speed) => speeds.includes(speed), { error })
    .meta({ allowed });
}

function phoneNumber() {
  const allowed = '1 to 64 of digits and , * # + W T P, with at least one digit';
  return patternField(allowed, /^(?=.*\d)[\d,*#+WTPwtp]{1,64}$/);
}

function accountName() {
  return patternField('1 to 255 printable ASCII characters', /^[\x20-\x7e]{1,255}$/);
}

function modemCommand() {
  return patternField(
    'a command that begins with AT, of up to 200 printable ASCII characters',
    /^[Aa][Tt][\x20-\x7e]{0,198}$/,
  );
}
