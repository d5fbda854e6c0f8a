/**
 * An alarm as the SNMPv2-Trap-PDU of its notification: sysUpTime, snmpTrapOID, and the objects of packaging/BACKSTAY-MIB.txt.
 *
 * Contract: pure. The text objects are UTF-8 and cut to 255 octets (SnmpAdminString), the sentence to 1,000, between
 * two characters, so that the datagram passes every network whole. Source: RFC 3416 sections 3 and 4.2.6, RFC 3418 (the first two).
 */

import { nameSubject } from '../../journal/subject.ts';
import { type SentAlarm, severities } from '../alarm.ts';
import { alarmCatalogue, notifications } from '../alarm-catalogue.ts';
import {
  berContext,
  berInteger,
  berObjectIdentifier,
  berOctets,
  berSequence,
  berTimeTicks,
  berUnsigned,
} from './ber.ts';

/**
 * The place that Net-SNMP keeps for trials, `netSnmpPlaypen`; the project has no enterprise number of its own. The number 1701
 * is there to be told apart from other trials.
 */
export const mibRoot = [1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 1701] as const;

const sysUpTime = [1, 3, 6, 1, 2, 1, 1, 3, 0];
const snmpTrapOid = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];
const V2_TRAP = 7;
const MOST_NAME_BYTES = 255;
const MOST_TEXT_BYTES = 1_000;

/** @param upHundredths how long the daemon has been running; @param requestId 31 bits */
export function trapPdu(
  alarm: SentAlarm,
  gateway: string,
  upHundredths: number,
  requestId: number,
): Uint8Array {
  const notification =
    alarm.kind === 'alarmTest' ? 'backstayAlarmTest' : alarmCatalogue[alarm.kind].notification;
  const bindings = [
    binding(sysUpTime, berTimeTicks(upHundredths)),
    binding(snmpTrapOid, berObjectIdentifier([...mibRoot, 0, notifications[notification]])),
    ...objectsOf(alarm, gateway).map((value, index) => binding([...mibRoot, 1, index + 1, 0], value)),
  ];
  return berContext(V2_TRAP, berInteger(requestId), berInteger(0), berInteger(0), berSequence(...bindings));
}

/** In the order of the MIB's object identifiers, from 1. */
function objectsOf(alarm: SentAlarm, gateway: string): Uint8Array[] {
  return [
    berOctets(cut(gateway, MOST_NAME_BYTES)),
    berOctets(cut(nameSubject(alarm.subject), MOST_NAME_BYTES)),
    berOctets(cut(alarm.kind, MOST_NAME_BYTES)),
    berInteger(severities.indexOf(alarm.severity) + 1),
    berInteger(roles.indexOf(alarm.role) + 1),
    berOctets(cut(alarm.text, MOST_TEXT_BYTES)),
    berOctets(dateAndTime(alarm.at)),
    berUnsigned(alarm.sequence % 2 ** 32),
    berUnsigned(alarm.replaced + alarm.omitted),
  ];
}

/** The numbers of BackstayRole, from 1. */
const roles = ['trouble', 'recovery', 'news', 'test'];

function binding(name: readonly number[], value: Uint8Array): Uint8Array {
  return berSequence(berObjectIdentifier(name), value);
}

/** DateAndTime of RFC 2579, in UTC. */
function dateAndTime(at: string): Uint8Array {
  const time = new Date(at);
  const year = time.getUTCFullYear();
  const tenths = Math.floor(time.getUTCMilliseconds() / 100);
  const day = [time.getUTCMonth() + 1, time.getUTCDate()];
  const clock = [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds(), tenths];
  return Uint8Array.from([year >> 8, year & 0xff, ...day, ...clock, '+'.charCodeAt(0), 0, 0]);
}

function cut(text: string, mostBytes: number): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= mostBytes) return bytes;
  let end = mostBytes;
  // Not within a character: its further octets begin with the bits 10.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
