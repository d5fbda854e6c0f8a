/**
 * What every kind of prober has in common: questions that wait for their answers, and how long they took.
 *
 * Contract: nothing here waits. `ask` sends a question, `collect` says what was answered since; the caller looks as often as
 * he wants to know, and the delays are exact all the same where the kernel stamps arrivals. What waits is bounded by what is
 * asked within `timeoutMillis`.
 */
import { monotonicMicros, wallMillis } from './clock.ts';

export type ProbeAnswer =
  | { readonly question: number; readonly delayMillis: number }
  /** It can't be asked, or was refused. */
  | { readonly question: number; readonly failure: string };

export interface Prober {
  /** `absent`: there is nobody to be asked. What goes wrong is told by `collect`. */
  ask(question: number): 'asked' | 'absent';
  collect(): ProbeAnswer[];
  close(): void;
}

type Pending<Detail> = {
  readonly askedMillis: number;
  readonly askedWallMillis: number;
  readonly detail: Detail;
};

export class PendingQuestions<Detail> {
  readonly #timeoutMillis: number;
  readonly #forgotten: (detail: Detail) => void;
  readonly #pending = new Map<number, Pending<Detail>>();
  #failures: ProbeAnswer[] = [];

  /** @param forgotten told of what was not answered in time */
  constructor(timeoutMillis: number, forgotten: (detail: Detail) => void = () => {}) {
    this.#timeoutMillis = timeoutMillis;
    this.#forgotten = forgotten;
  }

  /** Before the question is sent: an answer may be there before the call returns. */
  add(question: number, detail: Detail): void {
    this.#expire();
    this.#pending.set(question, { askedMillis: nowMillis(), askedWallMillis: wallMillis(), detail });
  }

  get(question: number): Detail | undefined {
    return this.#pending.get(question)?.detail;
  }

  entries(): [number, Detail][] {
    return [...this.#pending].map(([question, { detail }]) => [question, detail]);
  }

  /** The question that was asked last. */
  get newest(): number | undefined {
    return [...this.#pending.keys()].at(-1);
  }

  fail(question: number, failure: string): void {
    if (this.#pending.delete(question)) this.#failures.push({ question, failure });
  }

  /** @param arrivedWallMillis by the kernel's stamp. @returns nothing where the question does not wait any more */
  answer(question: number, arrivedWallMillis?: number): ProbeAnswer[] {
    const pending = this.#pending.get(question);
    if (pending === undefined) return [];
    this.#pending.delete(question);
    const atMostMillis = nowMillis() - pending.askedMillis;
    const stampedMillis = (arrivedWallMillis ?? Number.NaN) - pending.askedWallMillis;
    // The wall clock may have been set meanwhile; what can't be is not believed.
    const isCredible = stampedMillis >= 0 && stampedMillis <= atMostMillis + 1;
    return [{ question, delayMillis: isCredible ? stampedMillis : atMostMillis }];
  }

  takeFailures(): ProbeAnswer[] {
    this.#expire();
    const failures = this.#failures;
    this.#failures = [];
    return failures;
  }

  close(): void {
    for (const { detail } of this.#pending.values()) this.#forgotten(detail);
    this.#pending.clear();
  }

  #expire(): void {
    const before = nowMillis() - this.#timeoutMillis;
    for (const [question, { askedMillis, detail }] of this.#pending) {
      if (askedMillis >= before) return;
      this.#pending.delete(question);
      this.#forgotten(detail);
    }
  }
}

function nowMillis(): number {
  return monotonicMicros() / 1000;
}
