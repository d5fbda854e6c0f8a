/**
 * Links that came to another address: what was sent from the one before finds no way back.
 *
 * Contract: pure. A link that is gone for a while and comes back with its address has not changed it. Source: S1.5, S1.6.
 */
import type { IpFamily } from '../network/ip-address.ts';
import type { Cut } from './internet-machine.ts';

export type AddressedWay = {
  readonly link: string;
  readonly family: IpFamily;
  readonly address: { readonly text: string };
};

export class StaleAddresses {
  readonly #addresses = new Map<string, string>();

  /** @returns what is to be cut off, once for each change */
  look(ways: readonly AddressedWay[]): Cut[] {
    return ways.flatMap(({ link, family, address }) => {
      const key = `${link} ${family}`;
      const before = this.#addresses.get(key);
      this.#addresses.set(key, address.text);
      return before === undefined || before === address.text ? [] : [{ link, family }];
    });
  }
}
