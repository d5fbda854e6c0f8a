/**
 * What is compared: something that carries packets between the two private networks.
 *
 * Contract: `open` resolves when host A reaches host B's network, and leaves the gateways as they were when `close` has
 * resolved, so that contenders follow one another in the same namespaces.
 */
import type { Lab } from '../../lab/lab.ts';
import type { Sites } from '../../lab/sites.ts';

export type Carrier = { close(): Promise<void> };

export type Contender = {
  /** Stable name in the results. */
  readonly id: string;
  /** One line for people: what it is, which version, which settings matter. */
  readonly title: string;
  open(lab: Lab, sites: Sites): Promise<Carrier>;
};
