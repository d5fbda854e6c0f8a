/**
 * What went into the tunnel and what came out of it, packet by packet, and what must hold of it.
 *
 * - No packet is delivered twice, none that was not sent, none to the end that sent it.
 * - A flow is in order, but for packets whose place the product says that it had given up (`allowedLate`).
 *
 * Contract: pure. `delivered` returns what is wrong, if anything.
 */
import type { EndName, Flow } from './inner-packets.ts';

type Account = {
  readonly flow: Flow;
  sent: number;
  readonly seen: Set<number>;
  /** The highest number delivered. */
  newest: number;
};

export class Ledger {
  /** How many packets may be out of order from now on. */
  allowedLate = 0;
  sent = 0;
  deliveredCount = 0;
  outOfOrder = 0;
  readonly #accounts = new Map<number, Account>();

  readonly #told: (flow: Flow, number: number) => void;

  /** @param told of each packet that is delivered, once */
  constructor(flows: readonly Flow[], told: (flow: Flow, number: number) => void = () => {}) {
    this.#told = told;
    for (const flow of flows) this.#accounts.set(flow.id, { flow, sent: 0, seen: new Set(), newest: -1 });
  }

  /** The device took `count` packets of the flow, numbered from the last one on. */
  offered(flow: Flow, count: number): void {
    this.#of(flow.id).sent += count;
    this.sent += count;
  }

  /** How many packets of the flow were sent: the number of the next. */
  next(flow: Flow): number {
    return this.#of(flow.id).sent;
  }

  delivered(to: EndName, flowId: number, number: number): string | undefined {
    const account = this.#accounts.get(flowId);
    const name = `packet ${number} of flow ${flowId}`;
    if (account === undefined || number >= account.sent) return `${name} was delivered and never sent`;
    if (account.flow.from === to) return `${name} was delivered to the end that sent it`;
    if (account.seen.has(number)) return `${name} was delivered twice`;
    account.seen.add(number);
    this.deliveredCount++;
    this.#told(account.flow, number);
    if (number > account.newest) {
      account.newest = number;
      return undefined;
    }
    this.outOfOrder++;
    if (this.allowedLate-- > 0) return undefined;
    return `${name} was delivered after ${account.newest}, and not counted as late`;
  }

  /** Packets of this end that were not delivered. */
  missing(from: EndName): number {
    let missing = 0;
    for (const { flow, sent, seen } of this.#accounts.values()) {
      if (flow.from === from) missing += sent - seen.size;
    }
    return missing;
  }

  #of(id: number): Account {
    const account = this.#accounts.get(id);
    if (account === undefined) throw new RangeError(`there is no flow ${id}`);
    return account;
  }
}
