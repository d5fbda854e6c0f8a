/**
 * The journal of what the gateway does to the machine's network, and of what does not go as it should.
 *
 * Contract: the same trouble again and again is one entry; it is entered anew after it was gone.
 */
import type { NetworkSnapshot } from '../network/network-snapshot.ts';
import { isOwnDevice } from '../network/tunnel-device.ts';
import type { GatewayContext } from './context.ts';

export class NetworkJournal {
  readonly #context: GatewayContext;
  readonly #troubles = new Map<string, string>();

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  changes(changes: readonly string[]): void {
    if (changes.length === 0) return;
    this.#context.record({ kind: 'networkApplied', subject: this.#subject, evidence: { changes } });
  }

  /** All that is wrong with this part at the moment. */
  trouble(part: string, problems: readonly string[]): void {
    const text = problems.join('\n');
    if (text === (this.#troubles.get(part) ?? '')) return;
    this.#troubles.set(part, text);
    if (problems.length === 0) return;
    this.#context.record({ kind: 'networkTrouble', subject: this.#subject, evidence: { problems } });
  }

  /** What a daemon that was killed had left, as it was found at the start. */
  adopted(devices: readonly string[], found: NetworkSnapshot): void {
    const others = found.interfaces.filter((it) => isOwnDevice(it) && !devices.includes(it.name));
    const counts = { route: found.ownRoutes.length, rule: found.ownRules.length };
    const kept = Object.entries(counts).flatMap(([what, count]) =>
      count === 0 ? [] : [`${what}s: ${count}`],
    );
    if (devices.length + others.length + kept.length === 0) return;
    const adopted = [...devices.map((name) => `interface ${name}`), ...kept];
    const removed = others.map(({ name }) => `interface ${name}`);
    this.#context.record({
      kind: 'adoptedLeftovers',
      subject: this.#subject,
      evidence: { adopted, removed },
    });
  }

  get #subject() {
    return { type: 'gateway', name: this.#context.config.gateway.name } as const;
  }
}
