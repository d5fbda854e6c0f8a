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
import { openUdpSocket } from '../linux/udp-socket.ts';
import { formatIpAddress, type IpFamily } from '../network/ip-address.ts';
import { linkMark } from '../network/link-routing.ts';
import type { GatewayContext } from './context.ts';
import type { UsableFamily } from './links.ts';

type OpenSocket = { readonly fd: number; readonly identity: string };

/** The worker's number of a link's socket. */
export function socketId(linkIndex: number, family: IpFamily): number {
  return linkIndex * 2 + (family === 6 ? 1 : 0);
}

export class LinkSockets {
  readonly #context: GatewayContext;
  readonly #open = new Map<number, OpenSocket>();
  readonly #failing = new Map<number, string>();

  constructor(context: GatewayContext) {
    this.#context = context;
  }

  /** @returns the ids of sockets that were opened or closed, whose paths start anew */
  async adjust(families: readonly UsableFamily[]): Promise<ReadonlySet<number>> {
    const changed = new Set<number>();
    const wanted = new Map(families.map((family) => [socketId(family.linkIndex, family.family), family]));
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

  /** Whether every wish of the last `adjust` could be fulfilled. */
  get complete(): boolean {
    return this.#failing.size === 0;
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
      this.#open.set(id, { fd, identity: identityOf(wish) });
      this.#failing.delete(id);
      this.#context.worker.send({ kind: 'openSocket', socket: id, fd });
      return true;
    } catch (error) {
      this.#failed(id, wish, error);
      return false;
    }
  }

  #failed(id: number, wish: UsableFamily, error: unknown): void {
    const reason = error instanceof BackstayError ? error.line : String(error);
    if (this.#failing.get(id) === reason) return;
    this.#failing.set(id, reason);
    this.#context.record({
      kind: 'linkDown',
      subject: { type: 'link', name: wish.link },
      evidence: { interface: wish.interface, reason },
    });
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
