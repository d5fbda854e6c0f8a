/**
 * Which entries of the journal become alarms, and when.
 *
 * ```
 *   trouble, `from` or worse ─▶ told, and stands ──recovery──▶ told, stands no longer
 *                                └── the same kind again: nothing new, nothing told
 *   recovery of what does not stand: not told
 *   news, `from` or worse ─▶ told; again only after a pause, with the newest text
 * ```
 * Contract: pure. What stands survives a restart (`standing`, given back as `before`), so that trouble that goes on is told
 * once. For a while after a start recoveries are set aside: a link whose interface is there looks well until its
 * probe has judged. Memory is bounded by the subjects that there are; strangers have one matter for each kind. Times are milliseconds of
 * a clock that does not jump. Source: S1.7, P7.
 */

import { describe } from '../journal/describe.ts';
import { eventCatalogue, type Severity } from '../journal/event.ts';
import type { JournalEntry } from '../journal/journal.ts';
import { type Subject, subjectKey } from '../journal/subject.ts';
import { type Alarm, isAtLeast } from './alarm.ts';
import { alarmCatalogue } from './alarm-catalogue.ts';

/** Trouble that was told and is not over. */
export type Standing = {
  readonly matter: string;
  readonly kind: Alarm['kind'];
  readonly subject: Subject;
};

/** Longer than a probe with the default settings needs for its first verdict, and a tunnel for its first path. */
export const SETTLE_MILLIS = 30_000;
/** Between two pieces of news of one matter: a person reads no faster. */
const NEWS_PAUSE_MILLIS = 60_000;
/** Strangers come at any hour; that they do is worth one message, not twenty. */
const STRANGERS_PAUSE_MILLIS = 3_600_000;
/** Of matters whose pause is running. */
const MOST_PAUSES = 1_000;

type SetAside = { readonly alarm: Alarm; readonly dueMillis: number };

export class AlarmFilter {
  readonly #from: Severity;
  readonly #settledAtMillis: number;
  readonly #standing: Map<string, Standing>;
  readonly #setAside = new Map<string, SetAside>();
  /** Until when no more news of a matter is told. */
  readonly #pauses = new Map<string, number>();

  constructor(from: Severity, before: readonly Standing[], nowMillis: number) {
    this.#from = from;
    this.#standing = new Map(before.map((standing) => [standing.matter, standing]));
    this.#settledAtMillis = nowMillis + SETTLE_MILLIS;
  }

  get standing(): readonly Standing[] {
    return [...this.#standing.values()];
  }

  /** @returns the alarm to send now, if any */
  noticed(entry: JournalEntry, nowMillis: number): Alarm | undefined {
    const alarm = alarmOf(entry);
    switch (alarm.role) {
      case 'trouble':
        return this.#trouble(alarm);
      case 'recovery':
        return this.#recovery(alarm, nowMillis);
      default:
        // An entry whose count has risen is the same news.
        return entry.count === 1 ? this.#news(alarm, entry, nowMillis) : undefined;
    }
  }

  /** What was set aside and is due. */
  pollDue(nowMillis: number): Alarm[] {
    const due = [...this.#setAside].filter(([, { dueMillis }]) => dueMillis <= nowMillis);
    for (const [matter, { alarm, dueMillis }] of due) {
      this.#setAside.delete(matter);
      if (alarm.role === 'recovery') this.#standing.delete(matter);
      else this.#pauses.set(matter, dueMillis + pauseOf(alarm));
    }
    return due.map(([, { alarm }]) => alarm);
  }

  nextDeadline(): number | undefined {
    const dues = [...this.#setAside.values()].map(({ dueMillis }) => dueMillis);
    return dues.length === 0 ? undefined : Math.min(...dues);
  }

  #trouble(alarm: Alarm): Alarm | undefined {
    const { matter, kind, subject } = alarm;
    this.#setAside.delete(matter);
    const standing = this.#standing.get(matter);
    if (standing?.kind === kind) return undefined;
    // Where something worse stands, what is less than `from` says that it got better: that is told as well.
    if (standing === undefined && !isAtLeast(alarm.severity, this.#from)) return undefined;
    this.#standing.set(matter, { matter, kind, subject });
    return alarm;
  }

  #recovery(alarm: Alarm, nowMillis: number): Alarm | undefined {
    const { matter } = alarm;
    if (!this.#standing.has(matter)) return isAtLeast(alarm.severity, this.#from) ? alarm : undefined;
    if (nowMillis < this.#settledAtMillis) {
      this.#setAside.set(matter, { alarm, dueMillis: this.#settledAtMillis });
      return undefined;
    }
    this.#standing.delete(matter);
    return alarm;
  }

  #news(alarm: Alarm, { kind }: JournalEntry, nowMillis: number): Alarm | undefined {
    if (!isAtLeast(alarm.severity, this.#from)) return undefined;
    const pausedUntil = this.#pauses.get(alarm.matter) ?? 0;
    if (nowMillis < pausedUntil) {
      this.#setAside.set(alarm.matter, { alarm, dueMillis: pausedUntil });
      return undefined;
    }
    const pause = eventCatalogue[kind].fromStrangers ? STRANGERS_PAUSE_MILLIS : NEWS_PAUSE_MILLIS;
    this.#forgetPauses(nowMillis);
    this.#pauses.set(alarm.matter, nowMillis + pause);
    return alarm;
  }

  #forgetPauses(nowMillis: number): void {
    if (this.#pauses.size < MOST_PAUSES) return;
    for (const [matter, until] of this.#pauses) if (until <= nowMillis) this.#pauses.delete(matter);
    if (this.#pauses.size >= MOST_PAUSES) this.#pauses.clear();
  }
}

function pauseOf({ kind }: Alarm): number {
  return kind !== 'alarmTest' && eventCatalogue[kind].fromStrangers
    ? STRANGERS_PAUSE_MILLIS
    : NEWS_PAUSE_MILLIS;
}

export function alarmOf(entry: JournalEntry): Alarm {
  const { kind, severity, subject, evidence, sequence, lastAt } = entry;
  const { role } = alarmCatalogue[kind];
  const about = 'receiver' in evidence ? evidence.receiver : undefined;
  return {
    matter: matterOf(entry, about),
    kind,
    role,
    severity,
    at: lastAt,
    subject,
    evidence,
    text: describe(entry),
    sequence,
    ...(about !== undefined && { about }),
  };
}

/** Strangers choose their addresses: all of them are one matter. */
function matterOf({ kind, subject }: JournalEntry, about: string | undefined): string {
  const { matter } = alarmCatalogue[kind];
  if (eventCatalogue[kind].fromStrangers && subject.type === 'peer') return `strangers/${matter}`;
  return [subjectKey(subject), matter, ...(about === undefined ? [] : [about])].join('/');
}
