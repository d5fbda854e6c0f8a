/**
 * Keeps each usable family of each link with an open UDP socket, and a control listener where peers may dial us.
 *
 * Contract: `adjust` is given what the links can use now and makes the sockets so: opened, opened anew when the address or
 * the interface is another one (one that was deleted and made again has another index), closed. What could not be
 * opened is tried again at the next call and is no reason to stop. A descriptor is closed only after the worker let go.
 * Source: S4.6, S4.11.
 */
import { BackstayError } from '../errors.ts';
import { closeFd } from '../linux/file-descriptor.ts';
import type { NetworkFailure } from '../linux/network-state.ts';
import { openUdpSocket } from '../linux/udp-socket.ts';
import { formatIpAddress, type IpFamily } from '../network/ip-address.ts';
import { linkMark } from '../network/link-routing.ts';
import type { GatewayContext } from './context.ts';
import type { UsableFamily } from './links.ts';

type OpenSocket = { readonly fd: number; readonly identity: string; readonly link: string };
type FailedSocket = { readonly family: UsableFamily; readonly error: BackstayError };

/** The worker's number of a link's socket. */
export function socketId(linkIndex: number, family: IpFamily): number {
  return linkIndex * 2 + (family === 6 ? 1 : 0);
}

export class LinkSockets {
  readonly #context: GatewayContext;
  readonly #open = new Map<number, OpenSocket>();
  readonly #failed = new Map<number, FailedSocket>();

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  /** @returns the ids of sockets that were opened or closed, whose paths start anew */
  async adjust(families: readonly UsableFamily[]): Promise<ReadonlySet<number>> {
    const changed = new Set<number>();
    const wanted = new Map(families.map((family) => [socketId(family.linkIndex, family.family), family]));
    for (const id of [...this.#failed.keys()]) if (!wanted.has(id)) this.#failed.delete(id);
    for (const [id, socket] of [...this.#open]) {
      const wish = wanted.get(id);
      if (wish !== undefined && identityOf(wish) === socket.identity) continue;
      await this.#close(id, socket);
      changed.add(id);
    }
    for (const [id, wish] of wanted) {
      if (this.#open.has(id) || !this.#tryOpen(id, wish)) continue;
      changed.add(id);
    }
    return changed;
  }

  /** Wishes of the last `adjust` that could not be fulfilled. */
  failures(): NetworkFailure[] {
    return [...this.#failed.values()].map(({ family, error }) => {
      return { part: `link ${family.link} IPv${family.family}`, error };
    });
  }

  /** Links without any socket though they wish for one, and why. */
  troubles(): ReadonlyMap<string, string> {
    const working = new Set([...this.#open.values()].map(({ link }) => link));
    const failed = [...this.#failed.values()].filter(({ family }) => !working.has(family.link));
    return new Map(failed.map(({ family, error }) => [family.link, error.line]));
  }

  async close(): Promise<void> {
    for (const [id, socket] of [...this.#open]) await this.#close(id, socket);
  }

  #tryOpen(id: number, wish: UsableFamily): boolean {
    try {
      const fd = openUdpSocket({
        interfaceName: wish.interface,
        address: wish.address.bytes,
        port: wish.port,
        mark: linkMark(wish.linkIndex),
      });
      this.#open.set(id, { fd, identity: identityOf(wish), link: wish.link });
      this.#context.worker.send({ kind: 'openSocket', socket: id, fd });
      if (this.#failed.delete(id)) this.#journalReturn(wish);
      return true;
    } catch (error) {
      if (!(error instanceof BackstayError)) throw error;
      this.#fail(id, wish, error);
      return false;
    }
  }

  #fail(id: number, family: UsableFamily, error: BackstayError): void {
    const isKnown = this.#failed.get(id)?.error.line === error.line;
    this.#failed.set(id, { family, error });
    if (isKnown) return;
    const evidence = { interface: family.interface, reason: error.line };
    this.#context.record({ kind: 'linkDown', subject: { type: 'link', name: family.link }, evidence });
  }

  #journalReturn({ link, interface: device, address, gateway }: UsableFamily): void {
    const nextHops = gateway === undefined ? [] : [gateway.text];
    const evidence = { interface: device, addresses: [address.text], nextHops };
    this.#context.record({ kind: 'linkUp', subject: { type: 'link', name: link }, evidence });
  }

  async #close(id: number, socket: OpenSocket): Promise<void> {
    this.#open.delete(id);
    this.#context.worker.send({ kind: 'closeSocket', socket: id });
    await this.#context.worker.released();
    closeFd(socket.fd);
  }
}

function identityOf(family: UsableFamily): string {
  return `${family.interfaceIndex} ${formatIpAddress(family.address.bytes)} ${family.port}`;
}
