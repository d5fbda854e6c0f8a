/**
 * The emulated wide-area network as a test holds it: a namespace with the emulator in it, and the links it joins.
 *
 * Contract: lives in a `Lab`. `join` lays the cables, switches their offloads off and tells the emulator. What
 * `set` resolves to is in force. All is reproducible by `seed`.
 */
import { fileURLToPath } from 'node:url';
import type { Child } from '../child.ts';
import type { Lab } from '../lab.ts';
import { connect, type InterfaceEnd, Namespace } from '../namespace.ts';
import type { Direction, LinkStatistics, Reply, Request } from './control.ts';
import { type Impairments, unimpaired } from './impairments.ts';

export type { Direction, DirectionStatistics, LinkStatistics } from './control.ts';

const emulatorPath = fileURLToPath(new URL('./emulator.ts', import.meta.url));
/** Threads of the engine would not be hurried as the loop is, and the loop would wait for them. */
const oneThread = ['--single-threaded', '--v8-pool-size=0'];
const DEFAULT_SEED = 1;

type Waiting = {
  readonly resolve: (result: LinkStatistics | null) => void;
  readonly reject: (error: Error) => void;
};

export class Wan {
  readonly namespace: Namespace;
  readonly #emulator: Child;
  readonly #seed: number;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #joined = 0;

  private constructor(namespace: Namespace, emulator: Child, seed: number) {
    this.namespace = namespace;
    this.#emulator = emulator;
    this.#seed = seed;
    emulator.onLine((line) => this.#accept(line));
    void emulator.exited.then(() => this.#abandon());
  }

  static async open(
    lab: Lab,
    options: { readonly role?: string; readonly seed?: number } = {},
  ): Promise<Wan> {
    const namespace = await Namespace.create(lab, options.role ?? 'wan');
    // The emulator's own kernel must not say anything on the links.
    await namespace.run('sysctl', ['-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
    const emulator = await namespace.spawn(process.execPath, [...oneThread, emulatorPath]);
    return new Wan(namespace, emulator, options.seed ?? DEFAULT_SEED);
  }

  /** Lays a link between two new interfaces, `a` and `b`. */
  async join(
    name: string,
    a: InterfaceEnd,
    b: InterfaceEnd,
    impairments: Impairments,
    mtu = 1500,
  ): Promise<WanLink> {
    const number = this.#joined++;
    const ends = { a: { end: a, inner: `link${number}a` }, b: { end: b, inner: `link${number}b` } };
    const link = new WanLink(name, this, [ends.a, ends.b], mtu);
    await link.layCables();
    const seed = this.#seed + 2 * number;
    await this.ask({ operation: 'join', link: name, a: ends.a.inner, b: ends.b.inner, impairments, seed });
    return link;
  }

  /** Sends a request to the emulator. Links use it. */
  ask(request: Request): Promise<LinkStatistics | null> {
    if (!this.#emulator.running) return Promise.reject(this.#hasEnded());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#emulator.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  }

  #accept(line: string): void {
    const reply = JSON.parse(line) as Reply;
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('error' in reply) waiting?.reject(new Error(`WAN emulator: ${reply.error}`));
    else waiting?.resolve(reply.result);
  }

  #abandon(): void {
    for (const { reject } of this.#waiting.values()) reject(this.#hasEnded());
    this.#waiting.clear();
  }

  #hasEnded(): Error {
    return new Error(`the WAN emulator has ended: ${this.#emulator.output}`);
  }
}

type Cable = { readonly end: InterfaceEnd; readonly inner: string };

export class WanLink {
  readonly name: string;
  readonly #wan: Wan;
  readonly #cables: readonly Cable[];
  readonly #mtu: number;

  constructor(name: string, wan: Wan, cables: readonly Cable[], mtu: number) {
    this.name = name;
    this.#wan = wan;
    this.#cables = cables;
    this.#mtu = mtu;
  }

  /** Changes what is named, in both directions or in one. */
  async set(change: Partial<Impairments>, direction?: Direction): Promise<void> {
    const unknown = Object.keys(change).find((name) => !(name in unimpaired));
    if (unknown !== undefined) throw new Error(`there is no impairment ${unknown}`);
    await this.#wan.ask({ operation: 'set', link: this.name, change, ...(direction && { direction }) });
  }

  async statistics(): Promise<LinkStatistics> {
    const statistics = await this.#wan.ask({ operation: 'statistics', link: this.name });
    if (statistics === null) throw new Error('the emulator sent no statistics');
    return statistics;
  }

  /** Lays again whichever cables are gone (an interface was deleted); addresses are the caller's to restore. */
  async repair(): Promise<void> {
    await this.layCables();
    await this.#wan.ask({ operation: 'reattach', link: this.name });
  }

  async layCables(): Promise<void> {
    for (const { end, inner } of this.#cables) {
      if (await end.namespace.hasInterface(end.name)) continue;
      const outlet = { namespace: this.#wan.namespace, name: inner };
      await connect(end, outlet, this.#mtu);
      await end.namespace.disableOffloads(end.name);
      await outlet.namespace.disableOffloads(outlet.name);
    }
  }
}
