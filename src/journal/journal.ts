/**
 * The journal in memory: the newest entries in order, with increasing sequence numbers.
 *
 * Contract: bounded. An event that repeats the newest one about the same subject, or that comes more often than its
 * budget allows, does not make a new entry: it raises the `count` of the one that is there. So neither a stranger
 * who floods the gateway nor a link that flaps pushes the history out. Times come from the events; nothing here
 * reads a clock.
 */

import { type EventDetail, eventCatalogue, type JournalEvent, stampEvent } from './event.ts';
import { subjectKey } from './subject.ts';

/** An event, its number, and how often it came; `evidence` is that of the latest, `at` the time of the first. */
export type JournalEntry = JournalEvent & {
  readonly sequence: number;
  readonly count: number;
  /** The time of the latest repetition; equal to `at` when there is none. */
  readonly lastAt: string;
};

/** Called with every new entry, and again with the same `sequence` when its count reaches a power of two. */
export type JournalListener = (entry: JournalEntry) => void;

/** About a month of a gateway whose links fail ten times a day, and 5 MB of memory at the most. */
const defaultCapacity = 10_000;
/** New entries per hour of one kind about one subject: ten seconds of flapping, or hours of a bad link. */
const budgetPerHour = 60;
/** New entries per hour of one kind that strangers cause: enough to see who, and 20 days to fill the journal. */
const strangerBudgetPerHour = 20;
const hourMillis = 3_600_000;

type Budget = { windowStartMillis: number; used: number; latest: number };

export class Journal {
  readonly #capacity: number;
  readonly #listeners = new Set<JournalListener>();
  readonly #latestOfSubject = new Map<string, number>();
  readonly #budgets = new Map<string, Budget>();
  /** In order of sequence; there are gaps where an earlier run could not write its entries down. */
  #entries: JournalEntry[];
  #nextSequence: number;

  /** `history`: what an earlier run left, oldest first; its sequence numbers go on. */
  constructor(options: { capacity?: number; history?: readonly JournalEntry[] } = {}) {
    this.#capacity = options.capacity ?? defaultCapacity;
    this.#entries = inOrder(options.history ?? []).slice(-this.#capacity);
    this.#nextSequence = (this.#entries.at(-1)?.sequence ?? 0) + 1;
  }

  /** Enters what happened at `at` (ISO 8601, UTC) and returns its entry. */
  record(detail: EventDetail, at: string): JournalEntry {
    const event = stampEvent(detail, at);
    const subject = subjectKey(event.subject);
    const repeated = this.#repetitionOf(event, subject) ?? this.#overBudget(event, subject);
    return repeated === undefined ? this.#append(event, subject) : this.#repeat(repeated, event);
  }

  /** At most `limit` entries after `sequence`, oldest first. */
  since(sequence: number, limit: number = this.#capacity): readonly JournalEntry[] {
    const from = this.#indexFrom(sequence + 1);
    return this.#entries.slice(from, from + limit);
  }

  /** The newest `limit` entries, oldest first. */
  newest(limit: number): readonly JournalEntry[] {
    return limit <= 0 ? [] : this.#entries.slice(-limit);
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: JournalListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The sequence number of the newest entry; 0 when there never was one. */
  get newestSequence(): number {
    return this.#nextSequence - 1;
  }

  /** The sequence number of the oldest entry that is still here. */
  get oldestSequence(): number {
    return this.#entries[0]?.sequence ?? this.#nextSequence;
  }

  #repetitionOf(event: JournalEvent, subject: string): JournalEntry | undefined {
    const latest = this.#at(this.#latestOfSubject.get(subject));
    return latest !== undefined && sameHappening(latest, event) ? latest : undefined;
  }

  #overBudget(event: JournalEvent, subject: string): JournalEntry | undefined {
    const { fromStrangers } = eventCatalogue[event.kind];
    // Strangers choose their addresses, so all of them share one budget.
    const budget = this.#budget(
      fromStrangers ? event.kind : `${event.kind}/${subject}`,
      Date.parse(event.at),
    );
    if (budget.used >= (fromStrangers ? strangerBudgetPerHour : budgetPerHour)) {
      const latest = this.#at(budget.latest);
      if (latest !== undefined) return latest;
    }
    budget.used += 1;
    budget.latest = this.#nextSequence;
    return undefined;
  }

  #budget(key: string, nowMillis: number): Budget {
    const present = this.#budgets.get(key);
    // A clock that was set back starts a new hour as well.
    if (present !== undefined && Math.abs(nowMillis - present.windowStartMillis) < hourMillis) return present;
    for (const [other, budget] of this.#budgets)
      if (Math.abs(nowMillis - budget.windowStartMillis) >= hourMillis) this.#budgets.delete(other);
    const fresh = { windowStartMillis: nowMillis, used: 0, latest: 0 };
    this.#budgets.set(key, fresh);
    return fresh;
  }

  #append(event: JournalEvent, subject: string): JournalEntry {
    const entry: JournalEntry = { ...event, sequence: this.#nextSequence, count: 1, lastAt: event.at };
    this.#nextSequence += 1;
    this.#entries.push(entry);
    this.#latestOfSubject.set(subject, entry.sequence);
    // Dropped in steps: shifting an array of 10,000 for each entry would cost more than the entry.
    if (this.#entries.length > this.#capacity + 256) this.#dropOldest();
    this.#tell(entry);
    return entry;
  }

  #repeat(entry: JournalEntry, event: JournalEvent): JournalEntry {
    const { at, sequence, count } = entry;
    const repeated: JournalEntry = {
      ...summed(entry, event),
      at,
      sequence,
      count: count + 1,
      lastAt: event.at,
    };
    this.#entries[this.#indexFrom(sequence)] = repeated;
    if (Number.isInteger(Math.log2(repeated.count))) this.#tell(repeated);
    return repeated;
  }

  #dropOldest(): void {
    this.#entries = this.#entries.slice(-this.#capacity);
    for (const [subject, sequence] of this.#latestOfSubject)
      if (sequence < this.oldestSequence) this.#latestOfSubject.delete(subject);
  }

  #at(sequence: number | undefined): JournalEntry | undefined {
    if (sequence === undefined) return undefined;
    const entry = this.#entries[this.#indexFrom(sequence)];
    return entry?.sequence === sequence ? entry : undefined;
  }

  /** The index of the first entry whose number is `sequence` or more. */
  #indexFrom(sequence: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[middle]?.sequence ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #tell(entry: JournalEntry): void {
    for (const listener of this.#listeners) listener(entry);
  }
}

/** The same again, measured figures aside: two downs with other probe counts are the same happening. */
function sameHappening(a: JournalEvent, b: JournalEvent): boolean {
  return a.kind === b.kind && words(a.evidence) === words(b.evidence);
}

function words(evidence: object): string {
  // A generation is a figure, but it names something.
  return JSON.stringify(evidence, (key, value) =>
    typeof value === 'number' && key !== 'generation' ? undefined : value,
  );
}

/** The event with the evidence of both, where evidence is a tally; otherwise the latest stands for all. */
function summed(entry: JournalEntry, event: JournalEvent): JournalEvent {
  if (entry.kind !== 'hostileInput' || event.kind !== 'hostileInput') return event;
  const counts = { ...entry.evidence.counts };
  for (const [reason, count] of Object.entries(event.evidence.counts))
    counts[reason] = (counts[reason] ?? 0) + count;
  return { ...event, evidence: { counts } };
}

/** A history is read from a file: entries whose number does not rise are left out. */
function inOrder(history: readonly JournalEntry[]): JournalEntry[] {
  let newest = 0;
  return history.filter(({ sequence }) => {
    const rises = sequence > newest;
    if (rises) newest = sequence;
    return rises;
  });
}
