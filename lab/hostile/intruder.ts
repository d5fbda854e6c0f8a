/** The strangers at the TCP port, as a benchmark holds them: started in gateway A's namespace, on link 0. */
import { join } from 'node:path';
import { createIdentity } from '../../src/linux/identity.ts';
import type { Child } from '../child.ts';
import type { Sites } from '../sites.ts';
import { strangerAddress } from './attack.ts';

export type IntruderReport = {
  garbage: number;
  slow: number;
  strangeKeys: number;
  /** Peers with a strange key whose connection was still open after three seconds. */
  answered: number;
};

const GATEWAY_PORT = 4500;

export class Intruder {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** @param directory for the key that nobody knows; the caller removes it */
  static async start(sites: Sites, directory: string): Promise<Intruder> {
    const identity = join(directory, 'stranger.pem');
    createIdentity(identity);
    const { a, b } = sites.link(0).plan;
    await sites.gatewayA.addAddresses(a.interfaceName, `${strangerAddress}/24`);
    const program = join(import.meta.dirname, 'intruder-main.ts');
    const words = [program, b.address.v4, `${GATEWAY_PORT}`, strangerAddress, identity];
    const child = await sites.gatewayA.spawn(process.execPath, words);
    await child.waitFor(/ready/);
    return new Intruder(child);
  }

  async stop(): Promise<IntruderReport> {
    this.#child.closeInput();
    await this.#child.exited;
    return JSON.parse(this.#child.output.slice(this.#child.output.indexOf('{'))) as IntruderReport;
  }
}
