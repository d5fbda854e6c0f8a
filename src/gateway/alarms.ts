/**
 * Alarms: what the journal says is told to those outside who want to know.
 *
 * Contract: `alarm/` decides what is told and in what order; here are time, the receivers and what survives a restart. Nothing
 * here waits, and whatever a receiver does, the gateway goes on. What was told and not delivered is in `<state>/alarms.json`
 * half a second later at the latest. Source: S1.7, S1.11, P7.
 */

import { type Alarm, testAlarm } from '../alarm/alarm.ts';
import { AlarmFilter, type Standing } from '../alarm/alarm-filter.ts';
import { changeLine, failedRoundLine } from '../alarm/keepalive-line.ts';
import type { AlarmTestDocument } from '../api/alarm-document.ts';
import type { Config } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import type { EventDetail, ProbedTarget } from '../journal/event.ts';
import type { Journal, JournalEntry } from '../journal/journal.ts';
import { readAlarmRecord, writeAlarmRecord } from '../linux/alarm-record.ts';
import { KeepaliveLog } from '../linux/keepalive-log.ts';
import { AlarmDelivery, failureOf } from './alarm-delivery.ts';
import type { AlarmReceiver, DeliveryRun } from './alarm-receivers.ts';
import { monotonicMillis } from './context.ts';

export type AlarmsParts = {
  readonly config: Pick<Config, 'gateway' | 'links' | 'tunnels' | 'alarms'>;
  readonly receivers: readonly AlarmReceiver[];
  readonly journal: Journal;
  readonly record: (event: EventDetail) => void;
};

/** What happens together is written together. */
const SAVE_MILLIS = 500;
/** A stop is not held up by receivers; what is left is sent after the next start. */
const FAREWELL_MILLIS = 2_000;
/** Boots count from here where the record of the last ones is lost: later starts then still have higher numbers. */
const BOOTS_EPOCH_SECONDS = Date.UTC(2020, 0) / 1000;

export class Alarms {
  readonly #parts: AlarmsParts;
  readonly #filter: AlarmFilter;
  readonly #deliveries: readonly AlarmDelivery[];
  readonly #keepalive: KeepaliveLog | undefined;
  readonly #boots: number;
  readonly #startedAtMillis = monotonicMillis();
  readonly #unsubscribe: () => void;
  readonly #stopped = new AbortController();
  #keepaliveFailedAtMillis = 0;
  #saveTimer: NodeJS.Timeout | undefined;
  #dueTimer: NodeJS.Timeout | undefined;

  constructor(parts: AlarmsParts) {
    this.#parts = parts;
    const { alarms, gateway } = parts.config;
    const { boots, standing, pending } = readAlarmRecord(gateway.state);
    this.#boots = Math.max(boots + 1, Math.floor(Date.now() / 1000) - BOOTS_EPOCH_SECONDS);
    this.#filter = new AlarmFilter(
      alarms.from,
      standing.filter(({ subject }) => this.#isStillThere(subject)),
      monotonicMillis(),
    );
    this.#deliveries = parts.receivers.map((receiver) =>
      this.#delivery(receiver, pending[receiver.name] ?? []),
    );
    this.#keepalive =
      alarms.keepaliveLog === undefined
        ? undefined
        : new KeepaliveLog(alarms.keepaliveLog, (reason) => this.#keepaliveTrouble(reason));
    this.#unsubscribe = parts.journal.subscribe((entry) => this.#noticed(entry));
    if (parts.receivers.length > 0) this.#saveNow();
    this.#endPathsOfBefore();
  }

  /** Of a link's probe; for the keepalive log. @param round how many bad ones in a row it makes */
  failedRound(link: string, round: number, retries: number, targets: readonly ProbedTarget[]): void {
    if (this.#keepalive === undefined) return;
    const line = failedRoundLine(link, round, retries, targets);
    if (line !== undefined) this.#keepalive.write(new Date().toISOString(), line);
  }

  /** Sends a test alarm to every receiver, past all that waits. @throws BS_ALARM_NO_RECEIVER */
  async testAlarms(): Promise<AlarmTestDocument> {
    const { receivers, config } = this.#parts;
    const at = new Date().toISOString();
    const alarm = testAlarm(config.gateway.name, at);
    const results = await Promise.all(
      receivers.map(async ({ name, note, deliver }) => {
        const beganMillis = monotonicMillis();
        const error = await Promise.try(() => deliver(alarm, this.#run())).then(() => undefined, failureOf);
        const tookMillis = Math.round(monotonicMillis() - beganMillis);
        return { receiver: name, tookMillis, ...(note !== undefined && { note }), ...(error && { error }) };
      }),
    );
    const log = this.#testKeepalive(at, alarm.text);
    if (results.length + log.length === 0)
      throw new BackstayError('BS_ALARM_NO_RECEIVER', 'No receiver of alarms is configured.');
    return { time: at, results: [...results, ...log] };
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    clearTimeout(this.#dueTimer);
    await Promise.all(this.#deliveries.map((delivery) => delivery.close(FAREWELL_MILLIS)));
    this.#stopped.abort();
    clearTimeout(this.#saveTimer);
    if (this.#deliveries.length > 0) this.#saveNow();
  }

  #delivery(receiver: AlarmReceiver, before: readonly Alarm[]): AlarmDelivery {
    const subject = { type: 'gateway', name: this.#parts.config.gateway.name } as const;
    return new AlarmDelivery({
      receiver,
      before,
      run: () => this.#run(),
      failed: (name, error) =>
        this.#parts.record({ kind: 'alarmReceiverFailed', subject, evidence: { receiver: name, ...error } }),
      recovered: (name, failedMillis) =>
        this.#parts.record({
          kind: 'alarmReceiverRecovered',
          subject,
          evidence: { receiver: name, failedMillis },
        }),
      changed: () => this.#saveSoon(),
    });
  }

  #noticed(entry: JournalEntry): void {
    const line = entry.count === 1 ? changeLine(entry) : undefined;
    if (line !== undefined) this.#keepalive?.write(entry.at, line);
    if (this.#deliveries.length === 0) return;
    const alarm = this.#filter.noticed(entry, monotonicMillis());
    if (alarm !== undefined) this.#tell(alarm);
    this.#awaitDue();
  }

  #tell(alarm: Alarm): void {
    for (const delivery of this.#deliveries) delivery.put(alarm);
    this.#saveSoon();
  }

  #awaitDue(): void {
    clearTimeout(this.#dueTimer);
    const deadline = this.#filter.nextDeadline();
    if (deadline === undefined) return;
    this.#dueTimer = setTimeout(
      () => {
        for (const alarm of this.#filter.pollDue(monotonicMillis())) this.#tell(alarm);
        this.#awaitDue();
      },
      Math.max(0, deadline - monotonicMillis()),
    );
  }

  /** What was told of gateways themselves and of links and tunnels that are gone is not waited for. */
  #isStillThere(subject: Standing['subject']): boolean {
    const { links, tunnels } = this.#parts.config;
    switch (subject.type) {
      case 'link':
        return links.some(({ name }) => name === subject.name);
      case 'tunnel':
        return tunnels.some(({ name }) => name === subject.name);
      case 'path':
        return true;
      default:
        return false;
    }
  }

  /** Paths get other numbers with every session. */
  #endPathsOfBefore(): void {
    for (const { subject } of this.#filter.standing)
      if (subject.type === 'path')
        this.#parts.record({
          kind: 'pathRemoved',
          subject,
          evidence: { reason: 'the daemon was started anew' },
        });
  }

  #keepaliveTrouble(reason: string | undefined): void {
    const subject = { type: 'gateway', name: this.#parts.config.gateway.name } as const;
    const receiver = 'keepalive-log';
    const failedMillis = Math.round(monotonicMillis() - this.#keepaliveFailedAtMillis);
    this.#keepaliveFailedAtMillis = monotonicMillis();
    const evidence = { receiver, code: 'BS_ALARM_UNDELIVERED', message: `it cannot be written (${reason})` };
    // Not inside the journal's listener: every other listener hears the entry that failed first.
    queueMicrotask(() =>
      this.#parts.record(
        reason === undefined
          ? { kind: 'alarmReceiverRecovered', subject, evidence: { receiver, failedMillis } }
          : { kind: 'alarmReceiverFailed', subject, evidence },
      ),
    );
  }

  #testKeepalive(at: string, text: string): AlarmTestDocument['results'][number][] {
    if (this.#keepalive === undefined) return [];
    const reason = this.#keepalive.write(at, `TEST ${text}`);
    const result = { receiver: 'keepalive-log', tookMillis: 0 };
    if (reason === undefined) return [result];
    return [
      { ...result, error: { code: 'BS_ALARM_UNDELIVERED', message: `it cannot be written (${reason})` } },
    ];
  }

  #run(): DeliveryRun {
    const upMillis = monotonicMillis() - this.#startedAtMillis;
    return { boots: this.#boots, upMillis, stopped: this.#stopped.signal };
  }

  #saveSoon(): void {
    this.#saveTimer ??= setTimeout(() => this.#saveNow(), SAVE_MILLIS);
  }

  #saveNow(): void {
    this.#saveTimer = undefined;
    try {
      this.#save();
    } catch {
      // The journal's file is on the same disk and has told of it; the next change writes all again.
    }
  }

  #save(): void {
    writeAlarmRecord(this.#parts.config.gateway.state, {
      boots: this.#boots,
      standing: this.#filter.standing,
      pending: Object.fromEntries(this.#deliveries.map(({ name, pending }) => [name, pending])),
    });
  }
}
