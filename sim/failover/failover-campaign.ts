/**
 * Many histories of a gateway whose links flap, one after the other, over the same two workers.
 *
 * Contract: without a tunnel there are plain connections only, no workers, and no need of root. `close` gives back what the machine lent. `play` stops at nothing: whoever calls it looks at the outcome.
 */
import { endNames } from '../inner-packets.ts';
import { millis } from '../story.ts';
import { type Ends, TunnelEnd } from '../tunnel-end.ts';
import { SharedWires } from '../wires.ts';
import { failoverHistoryOf } from './failover-history.ts';
import { type FailoverOutcome, playFailover } from './failover-simulation.ts';
import { describeFailover } from './failover-story.ts';

export class FailoverCampaign {
  readonly #ends: Ends | undefined;

  constructor(hasTunnel = true) {
    const shared = hasTunnel ? new SharedWires() : undefined;
    this.#ends = shared && { a: new TunnelEnd('a', shared), b: new TunnelEnd('b', shared) };
  }

  play(seed: number): Promise<FailoverOutcome> {
    return playFailover(failoverHistoryOf(seed), { ends: this.#ends });
  }

  /** Plays a history and tells what happens in it. */
  async tell(seed: number): Promise<string[]> {
    const history = failoverHistoryOf(seed);
    const lines = describeFailover(history);
    const trace = (at: number, text: string) => void lines.push(`${millis(at).padStart(16)}  ${text}`);
    await playFailover(history, { ends: this.#ends, trace });
    return lines;
  }

  close(): void {
    for (const name of endNames) this.#ends?.[name].close();
  }
}
