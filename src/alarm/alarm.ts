/**
 * An alarm: one event of the journal as it is told to people and machines outside.
 *
 * Contract: alarms with the same `matter` are about the same thing, and the later one says all that the earlier one said:
 * it may take its place. Source: S1.7.
 */

import type { EventKind, Severity } from '../journal/event.ts';
import type { Subject } from '../journal/subject.ts';

/** `trouble` stands until its `recovery`; `news` is over when it is told; a `test` was asked for. */
export type AlarmRole = 'trouble' | 'recovery' | 'news' | 'test';

export type Alarm = {
  readonly matter: string;
  readonly kind: EventKind | 'alarmTest';
  readonly role: AlarmRole;
  readonly severity: Severity;
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly subject: Subject;
  readonly evidence: object;
  /** One sentence. */
  readonly text: string;
  /** Of the journal's entry; 0 of a test. */
  readonly sequence: number;
  /** The receiver that this alarm is about, and to which it is not sent. */
  readonly about?: string;
};

/** What a receiver gets: the alarm, and what it stands for. */
export type SentAlarm = Alarm & {
  /** Earlier alarms of the same matter that were not sent because this one says more. */
  readonly replaced: number;
  /** Alarms of other matters that were given up because too many waited. */
  readonly omitted: number;
};

export const severities: readonly Severity[] = ['info', 'notice', 'warning', 'alarm'];

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(least);
}

/** Of `backstay alarm test`; `at` is ISO 8601 in UTC. */
export function testAlarm(gateway: string, at: string): SentAlarm {
  return {
    matter: 'test',
    kind: 'alarmTest',
    role: 'test',
    severity: 'notice',
    at,
    subject: { type: 'gateway', name: gateway },
    evidence: {},
    text: `Gateway ${gateway} sends this test alarm because somebody asked for it.`,
    sequence: 0,
    replaced: 0,
    omitted: 0,
  };
}
