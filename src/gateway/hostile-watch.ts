/**
 * Tells the journal how much was refused that no honest peer sends.
 *
 * Contract: looks at the counters now and then and records one `hostileInput` event for what was added, if it is more
 * than the odd packet that a late or broken line brings. Costs a flood nothing but counting.
 */
import { readCounters, tunnelCounters } from '../dataplane/counters.ts';
import type { GatewayContext } from './context.ts';
import type { Tunnel } from './tunnel.ts';

const LOOK_MILLIS = 10_000;
/** In one look; a rekey or a path's death leaves a handful. */
const WORTH_TELLING = 100;

export class HostileWatch {
  readonly #context: GatewayContext;
  readonly #tunnels: readonly Tunnel[];
  readonly #timer: NodeJS.Timeout;
  #before: Readonly<Record<string, number>> = {};

  constructor(context: GatewayContext, tunnels: readonly Tunnel[]) {
    this.#context = context;
    this.#tunnels = tunnels;
    this.#timer = setInterval(() => this.look(), LOOK_MILLIS);
    this.#timer.unref();
  }

  look(): void {
    const now = this.#refused();
    const added = Object.entries(now).map(
      ([reason, total]) => [reason, total - (this.#before[reason] ?? 0)] as const,
    );
    this.#before = now;
    const counts = Object.fromEntries(added.filter(([, count]) => count > 0));
    if (added.reduce((sum, [, count]) => sum + count, 0) < WORTH_TELLING) return;
    const subject = { type: 'gateway', name: this.#context.config.gateway.name } as const;
    this.#context.record({ kind: 'hostileInput', subject, evidence: { counts } });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #refused(): Record<string, number> {
    const { refusedMalformed, refusedUnknownSpi } = this.#context.worker.counters();
    const total = {
      malformed: refusedMalformed,
      unknownSpi: refusedUnknownSpi,
      replayed: 0,
      notAuthentic: 0,
    };
    for (const tunnel of this.#tunnels) {
      const figures = readCounters(tunnelCounters, tunnel.counters);
      total.replayed += figures.refusedReplayed;
      total.notAuthentic += figures.refusedNotAuthentic;
    }
    return total;
  }
}
