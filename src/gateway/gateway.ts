/**
 * The running gateway: builds the rooms' parts, feeds them what happens, carries out what they decide.
 *
 * Contract: `start` leaves the machine as it was when it fails; `stop` leaves it as it was found. Between the two every
 * change of the kernel's network is looked at anew: links resolved → routes and rules applied → sockets adjusted →
 * tunnels told. Looks are made one after the other; changes that come meanwhile make one more look.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../api/status.ts';
import type { WorkerEvent } from '../dataplane/protocol.ts';
import { BackstayError } from '../errors.ts';
import { closeFd } from '../linux/file-descriptor.ts';
import { applyNetwork, readNetwork, removeNetwork } from '../linux/network-state.ts';
import { drainRouteMonitor, openRouteMonitor } from '../linux/route-monitor.ts';
import { openTun, removeTun, type TunDevice } from '../linux/tun.ts';
import type { DesiredState } from '../network/desired-state.ts';
import { SpiPool } from './associations.ts';
import type { GatewayContext } from './context.ts';
import { ControlListeners } from './control-listeners.ts';
import { Dialler } from './dialler.ts';
import { LinkSockets } from './link-sockets.ts';
import { Links } from './links.ts';
import { composeStatus } from './status.ts';
import { Tunnel } from './tunnel.ts';

/** Changes of the network come in rows; one look is enough for a row. */
const SETTLE_MILLIS = 50;
/** What could not be opened or applied is tried again so often even if the network is silent. */
const RETRY_MILLIS = 2_000;
const FAREWELL_MILLIS = 50;
/** Even without news: a foreign `nft flush ruleset` is told to nobody. */
const REVIEW_MILLIS = 60_000;

export class Gateway {
  readonly #context: GatewayContext;
  readonly #links: Links;
  readonly #sockets: LinkSockets;
  readonly #tunnels: Tunnel[] = [];
  readonly #diallers = new Map<Tunnel, Dialler>();
  readonly #listeners: ControlListeners;
  readonly #devices: TunDevice[] = [];
  readonly #startedAt = new Date().toISOString();
  #monitorFd = -1;
  #lookTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopping = false;
  #problems = '';

  constructor(context: GatewayContext) {
    this.#context = context;
    this.#links = new Links(context.config.links, context.record);
    this.#sockets = new LinkSockets(context);
    this.#listeners = new ControlListeners(context, this.#tunnels);
  }

  /** @throws BackstayError when a tunnel's device cannot be had or the network cannot be read */
  async start(): Promise<void> {
    try {
      this.#openTunnels();
      this.#monitorFd = openRouteMonitor();
      this.#context.worker.send({ kind: 'watch', fd: this.#monitorFd });
      await this.#look();
    } catch (error) {
      await this.stop();
      throw error;
    }
    for (const dialler of this.#diallers.values()) dialler.want();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#lookTimer);
    clearTimeout(this.#retryTimer);
    await this.#looking;
    for (const dialler of this.#diallers.values()) dialler.close();
    for (const tunnel of this.#tunnels) tunnel.close('shutdown');
    // Closing a listener cuts its sessions off; the farewell should be on its way by then.
    if (this.#tunnels.some((tunnel) => tunnel.role === 'responder')) await sleep(FAREWELL_MILLIS);
    await this.#listeners.close();
    await this.#sockets.close();
    await this.#context.worker.released();
    if (this.#monitorFd >= 0) closeFd(this.#monitorFd);
    for (const device of this.#devices) removeTun(device);
    const { failures } = await removeNetwork(this.#context.config.gateway.state);
    this.#journalProblems(failures.map(({ part, error }) => `${part}: ${error.line}`));
  }

  status(): Status {
    return composeStatus(this.#context, this.#startedAt, this.#links, this.#tunnels);
  }

  workerEvent(event: WorkerEvent): void {
    switch (event.kind) {
      case 'watched':
        drainRouteMonitor(this.#monitorFd);
        if (this.#stopping) return;
        this.#context.worker.send({ kind: 'watch', fd: this.#monitorFd });
        return this.#lookSoon();
      case 'trouble':
        return this.#journalProblems([`BS_INTERNAL packet worker: ${event.message}`]);
      case 'pathState':
      case 'pathMoved':
      case 'rekeyDue':
      case 'outboundActive':
        this.#tunnels[event.tunnel]?.workerEvent(event);
        return;
      case 'failed':
      case 'ready':
      case 'released':
      case 'stopped':
        return;
    }
  }

  #openTunnels(): void {
    const spis = new SpiPool();
    for (const [id, config] of this.#context.config.tunnels.entries()) {
      const device = openTun(config.interface);
      this.#devices.push(device);
      const wantsSession = () => this.#diallers.get(tunnel)?.want();
      const mtuAgreed = () => this.#lookSoon();
      const parts = { context: this.#context, links: this.#links, spis, wantsSession, mtuAgreed };
      const tunnel: Tunnel = new Tunnel(parts, id, config, device);
      this.#tunnels.push(tunnel);
      if (tunnel.role === 'initiator') {
        this.#diallers.set(tunnel, new Dialler(this.#context, this.#links, tunnel));
      }
    }
  }

  #lookSoon(): void {
    if (this.#stopping || this.#lookTimer !== undefined) return;
    this.#lookTimer = setTimeout(() => {
      this.#lookTimer = undefined;
      this.#looking = this.#looking.then(() => this.#look()).catch((error) => this.#lookFailed(error));
    }, SETTLE_MILLIS);
  }

  async #look(): Promise<void> {
    if (this.#stopping) return;
    this.#links.resolve(await readNetwork());
    const applied = await applyNetwork(this.#desired(), this.#context.config.gateway.state);
    this.#journalChanges(applied.changes);
    this.#journalProblems(applied.failures.map(({ part, error }) => `${part}: ${error.line}`));
    const families = this.#links.families();
    const changed = await this.#sockets.adjust(families);
    await this.#listeners.adjust(families);
    for (const tunnel of this.#tunnels) tunnel.linksChanged(changed);
    for (const dialler of this.#diallers.values()) dialler.linksChanged();
    const complete = applied.failures.length === 0 && this.#sockets.complete && this.#listeners.complete;
    this.#lookAgainIn(complete ? REVIEW_MILLIS : RETRY_MILLIS);
  }

  #lookAgainIn(millis: number): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#lookSoon(), millis);
  }

  #lookFailed(error: unknown): void {
    const line = error instanceof BackstayError ? error.line : `BS_INTERNAL ${String(error)}`;
    this.#journalProblems([line]);
    this.#lookAgainIn(RETRY_MILLIS);
  }

  #desired(): DesiredState {
    return {
      tunnelDevices: this.#tunnels.map((tunnel) => tunnel.desiredDevice()),
      links: this.#links.desired(),
      forwarding: this.#context.config.gateway.forwarding,
    };
  }

  #journalChanges(changes: readonly string[]): void {
    if (changes.length === 0) return;
    this.#context.record({ kind: 'networkApplied', subject: this.#subject, evidence: { changes } });
  }

  /** Only what is new: the same trouble every two seconds is one trouble. */
  #journalProblems(problems: readonly string[]): void {
    const text = problems.join('\n');
    if (text === this.#problems) return;
    this.#problems = text;
    if (problems.length === 0) return;
    this.#context.record({ kind: 'networkTrouble', subject: this.#subject, evidence: { problems } });
  }

  get #subject() {
    return { type: 'gateway', name: this.#context.config.gateway.name } as const;
  }
}
