/**
 * Many histories, one after the other, over the same two workers.
 *
 * Contract: `close` gives back what the machine lent. `play` stops at nothing: whoever calls it looks at the outcome.
 */
import { historyOf } from './history.ts';
import { type Outcome, play } from './simulation.ts';
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

  /** Plays a history again and tells what happens in it. */
  tell(seed: number): { readonly outcome: Outcome; readonly lines: readonly string[] } {
    const history = historyOf(seed);
    const lines = [
      `seed ${seed}: ${history.links.length} links, schedule by ${history.schedule}, keepalive ${history.keepaliveMillis} ms`,
    ];
    history.links.forEach((link, index) => {
      const { rate, delay, queue } = link;
      const figures = `${((rate * 8) / 1e6).toFixed(2)} Mbit/s, ${delay / 1000} ms, queue ${queue / 1000} ms`;
      lines.push(`link ${index}: ${figures}`);
    });
    for (const flow of history.flows) {
      const each = `${flow.burst} × ${flow.segments} of ${flow.payload} bytes every ${flow.interval / 1000} ms`;
      lines.push(`flow ${flow.id}: from ${flow.from}, IPv${flow.family}, ${each}`);
    }
    const outcome = play(this.#ends, history, (at, text) => {
      lines.push(`${(at / 1000).toFixed(3).padStart(10)} ms  ${text}`);
    });
    return { outcome, lines };
  }

  close(): void {
    for (const end of [this.#ends.a, this.#ends.b]) end.close();
  }
}
