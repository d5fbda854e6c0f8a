/**
 * The tunnel's paths over the links of the simulated gateway, laid, moved and taken away as the main threads of both ends do it.
 *
 * Contract: `adjust` follows a look at the network. A link on demand has a path while it is up; any other link has its path always, and
 * a socket while it has an address. The control channel is not played: both ends know at once.
 */
import type { PathStatus } from '../../src/api/status.ts';
import type { UsableFamily } from '../../src/gateway/links.ts';
import type { Change } from '../history.ts';
import type { Operator } from '../operator.ts';
import type { Ends } from '../tunnel-end.ts';
import type { FailoverLink } from './failover-history.ts';

export class TunnelSide {
  readonly #ends: Ends;
  readonly #operator: Operator;
  readonly #links: readonly FailoverLink[];
  /** Over which there is a path. */
  readonly #laid: Set<number>;
  readonly #addresses: (string | undefined)[];

  readonly #collect: () => void;

  /** @param collect takes what the ends have sent: a socket that is opened again forgets it */
  constructor(ends: Ends, operator: Operator, links: readonly FailoverLink[], collect: () => void) {
    this.#ends = ends;
    this.#collect = collect;
    this.#operator = operator;
    this.#links = links;
    this.#laid = new Set(links.keys());
    this.#addresses = links.map(() => undefined);
  }

  /** After the tunnel was built over all links. @param only the link over which paths are wanted */
  begin(only?: number): void {
    this.#links.forEach(({ isOnDemand }, link) => {
      this.#apply({ kind: 'closeSocket', link, end: 'a' });
      if (isOnDemand || (only !== undefined && only !== link)) this.#take(link);
    });
  }

  adjust(families: readonly UsableFamily[]): void {
    this.#links.forEach(({ isOnDemand }, link) => {
      const address = families.find(({ linkIndex }) => linkIndex === link)?.address.text;
      if (address === this.#addresses[link]) return;
      this.#addresses[link] = address;
      this.#apply({ kind: 'closeSocket', link, end: 'a' });
      if (address === undefined) return;
      this.#apply({ kind: 'openSocket', link, end: 'a' });
      if (!isOnDemand) return;
      this.#apply({ kind: 'addPath', link });
      this.#laid.add(link);
    });
  }

  leave(name: string): void {
    this.#take(this.#links.findIndex((link) => link.name === name));
  }

  has(link: number): boolean {
    return this.#laid.has(link);
  }

  /** As far as the load meter asks. */
  status(): PathStatus[] {
    return [...this.#laid].map((link) => {
      const { name } = this.#links[link] as FailoverLink;
      const state = this.#ends.a.state(link);
      const counts = { txPackets: 0, txBytes: 0, rxPackets: 0, rxBytes: 0, share: 0 };
      return { id: link, link: name, local: '', remote: '', state, carrier: 'udp', since: '', ...counts };
    });
  }

  /** Which paths do not carry at both ends, in words. */
  notUp(): string | undefined {
    const late = [...this.#laid].flatMap((link) =>
      [this.#ends.a, this.#ends.b].flatMap((end) => {
        const state = end.state(link);
        return state === 'up' ? [] : [`${end.name}'s path over link ${link} is ${state}`];
      }),
    );
    return late.length === 0 ? undefined : late.join(', ');
  }

  #take(link: number): void {
    this.#apply({ kind: 'removePath', link });
    this.#laid.delete(link);
  }

  #apply(change: Change): void {
    this.#collect();
    this.#operator.apply(change);
    this.#collect();
  }
}
