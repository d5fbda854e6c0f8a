/** What every part of the running gateway is given: the configuration, the keys, the journal, the packet worker. */
import type { Config } from '../config/index.ts';
import type { WorkerHandle } from '../dataplane/worker-handle.ts';
import type { EventDetail, ProbedTarget } from '../journal/event.ts';
import type { Identity } from '../linux/identity.ts';

export type GatewayContext = {
  readonly config: Config;
  readonly identity: Identity;
  readonly worker: WorkerHandle;
  /** Enters an event into the journal with the present time. */
  readonly record: (event: EventDetail) => void;
  /** Where ESP keys are written for a laboratory that wants to read the packets; undefined in real life. */
  readonly keyLog: ((line: string) => void) | undefined;
  /** Told of every round of a link's probe that failed; `round`: how many in a row it makes. */
  readonly failedRound?: (
    link: string,
    round: number,
    retries: number,
    targets: readonly ProbedTarget[],
  ) => void;
};

/** Milliseconds of a clock that does not jump. */
export function monotonicMillis(): number {
  return performance.now();
}
