/**
 * Brings alarms to one receiver, one after the other.
 *
 * Contract: never throws; waits for nobody else and nobody waits for it. That the receiver fails is told once, and once that it
 * takes alarms again.
 */
import type { Alarm } from '../alarm/alarm.ts';
import { ReceiverQueue } from '../alarm/receiver-queue.ts';
import { BackstayError, type ErrorCode } from '../errors.ts';
import type { AlarmReceiver, DeliveryRun } from './alarm-receivers.ts';
import { monotonicMillis } from './context.ts';

export type DeliveryParts = {
  readonly receiver: AlarmReceiver;
  readonly run: () => DeliveryRun;
  /** What an earlier run had not delivered. */
  readonly before: readonly Alarm[];
  readonly failed: (receiver: string, error: { code: ErrorCode; message: string }) => void;
  readonly recovered: (receiver: string, failedMillis: number) => void;
  /** What waits has changed. */
  readonly changed: () => void;
};

export class AlarmDelivery {
  readonly #parts: DeliveryParts;
  readonly #queue: ReceiverQueue;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #idle: (() => void) | undefined;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#queue = new ReceiverQueue(parts.before);
    this.#next();
  }

  get name(): string {
    return this.#parts.receiver.name;
  }

  get pending(): readonly Alarm[] {
    return this.#queue.pending;
  }

  /** An alarm about the receiver itself would wait for what it tells of. */
  put(alarm: Alarm): void {
    if (alarm.about === this.name) return;
    this.#queue.put(alarm);
    this.#next();
  }

  /** Fulfilled when nothing waits or the receiver fails, at the latest after so long; nothing is sent afterwards. */
  async close(withinMillis: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    const timer = setTimeout(resolve, withinMillis);
    this.#tellIdle();
    await promise;
    clearTimeout(timer);
    clearTimeout(this.#timer);
    this.#isClosed = true;
  }

  #next(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    const now = monotonicMillis();
    const alarm = this.#queue.take(now);
    if (alarm !== undefined) {
      const { receiver, run } = this.#parts;
      // A receiver that throws at once is one that rejects.
      void Promise.try(() => receiver.deliver(alarm, run())).then(
        () => this.#delivered(),
        (error: unknown) => this.#failed(error),
      );
      return;
    }
    const deadline = this.#queue.nextDeadline();
    if (deadline !== undefined) this.#timer = setTimeout(() => this.#next(), Math.max(0, deadline - now));
  }

  #delivered(): void {
    if (this.#isClosed) return;
    const failedMillis = this.#queue.delivered(monotonicMillis());
    if (failedMillis !== undefined) this.#parts.recovered(this.name, Math.round(failedMillis));
    this.#ended();
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    const isNew = this.#queue.failed(monotonicMillis());
    if (isNew) this.#parts.failed(this.name, failureOf(error));
    this.#ended();
  }

  #ended(): void {
    this.#parts.changed();
    this.#next();
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#queue.pending.length === 0 || this.#queue.isFailing) this.#idle?.();
  }
}

export function failureOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof BackstayError) return { code: error.code, message: error.message };
  return { code: 'BS_INTERNAL', message: String(error) };
}
