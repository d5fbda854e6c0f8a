/**
 * Many histories, one after the other, over the same two workers.
 *
 * Contract: `close` gives back what the machine lent. `play` stops at nothing: whoever calls it looks at the outcome.
 */
import { historyOf } from './history.ts';
import { type Outcome, play } from './simulation.ts';
import { describeHistory, millis } from './story.ts';
import { TunnelEnd } from './tunnel-end.ts';
import { SharedWires } from './wires.ts';

export class Campaign {
  readonly #ends: { readonly a: TunnelEnd; readonly b: TunnelEnd };

  constructor() {
    const shared = new SharedWires();
    this.#ends = { a: new TunnelEnd('a', shared), b: new TunnelEnd('b', shared) };
  }

  play(seed: number): Outcome {
    return play(this.#ends, historyOf(seed));
  }

  /** Plays a history and tells what happens in it. */
  tell(seed: number): string[] {
    const history = historyOf(seed);
    const lines = describeHistory(history);
    play(this.#ends, history, (at, text) => lines.push(`${millis(at).padStart(14)}  ${text}`));
    return lines;
  }

  close(): void {
    for (const end of [this.#ends.a, this.#ends.b]) end.close();
  }
}
