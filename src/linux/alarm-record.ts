/**
 * What a daemon must know of the alarms of the one before: trouble that was told and still stands, what was not delivered,
 * and how often the SNMP engine was started.
 *
 * Contract: `<state>/alarms.json`, whole or not at all. A record that is damaged or missing is an empty one: then trouble
 * that goes on is told again, which is better than not at all. Throws when writing: BS_STATE_UNWRITABLE.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Alarm } from '../alarm/alarm.ts';
import { alarmCatalogue } from '../alarm/alarm-catalogue.ts';
import type { Standing } from '../alarm/alarm-filter.ts';
import { writeDurableFile } from './durable-file.ts';

export type AlarmRecord = {
  readonly boots: number;
  readonly standing: readonly Standing[];
  /** By the receiver's name, oldest first. */
  readonly pending: Readonly<Record<string, readonly Alarm[]>>;
};

const name = z.string().max(200);
const subject = z.discriminatedUnion('type', [
  z.object({ type: z.literal('gateway'), name }),
  z.object({ type: z.literal('link'), name }),
  z.object({ type: z.literal('tunnel'), name }),
  z.object({ type: z.literal('path'), tunnel: name, id: z.int(), link: name }),
  z.object({ type: z.literal('peer'), address: name, tunnel: name.optional() }),
]);
/** A version before or after this one may know other kinds. */
const kind = z.string().refine((text) => Object.hasOwn(alarmCatalogue, text));
const standing = z.object({ matter: z.string(), kind, subject });
const alarm = standing.extend({
  role: z.enum(['trouble', 'recovery', 'news']),
  severity: z.enum(['info', 'notice', 'warning', 'alarm']),
  at: z.iso.datetime(),
  evidence: z.record(z.string(), z.unknown()),
  text: z.string().max(10_000),
  sequence: z.int(),
  about: z.string().optional(),
});
const recordSchema = z.object({
  boots: z
    .int()
    .min(0)
    .max(2 ** 31 - 1),
  standing: z.array(standing),
  pending: z.record(z.string(), z.array(alarm)),
});

const empty: AlarmRecord = { boots: 0, standing: [], pending: {} };

export function readAlarmRecord(stateDirectory: string): AlarmRecord {
  try {
    const text = readFileSync(pathOf(stateDirectory), 'utf8');
    return recordSchema.parse(JSON.parse(text)) as AlarmRecord;
  } catch {
    return empty;
  }
}

export function writeAlarmRecord(stateDirectory: string, record: AlarmRecord): void {
  writeDurableFile(pathOf(stateDirectory), `${JSON.stringify(record)}\n`);
}

function pathOf(stateDirectory: string): string {
  return `${stateDirectory}/alarms.json`;
}
