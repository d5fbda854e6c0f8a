/**
 * The running gateway: builds the rooms' parts, feeds them what happens, carries out what they decide.
 *
 * Contract: a `start` that fails leaves the machine as it was: whatever can be refused (addresses, devices) is tried
 * before anything is changed. `stop` leaves it as it was found, or, when the daemon itself failed, as it is: the tunnels'
 * networks then stay closed to the providers until the next start. Between the two every change of the kernel's network
 * is looked at anew: links resolved → routes and rules applied → sockets adjusted → tunnels told. Looks are made one
 * after the other; changes that come meanwhile make one more look.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkDocument, TrialDocument } from '../api/link-document.ts';
import type { LinkStatus, Status } from '../api/status.ts';
import type { WorkerEvent } from '../dataplane/protocol.ts';
import { BackstayError } from '../errors.ts';
import { closeFd } from '../linux/file-descriptor.ts';
import { applyNetwork, type NetworkFailure, readNetwork, removeNetwork } from '../linux/network-state.ts';
import { readCounters } from '../linux/nftables.ts';
import { drainRouteMonitor, openRouteMonitor } from '../linux/route-monitor.ts';
import type { DesiredInternet, DesiredState } from '../network/desired-state.ts';
import { type TunnelFilter, tunnelFilters } from '../network/filter-rule.ts';
import { filterTable } from '../network/filter-table.ts';
import type { NetworkSnapshot } from '../network/network-snapshot.ts';
import { SpiPool } from './associations.ts';
import { type GatewayContext, monotonicMillis } from './context.ts';
import { ControlListeners } from './control-listeners.ts';
import { Dialler } from './dialler.ts';
import { FilterCounter } from './filter-counter.ts';
import { HostileWatch } from './hostile-watch.ts';
import { Internet } from './internet.ts';
import { explainLink, tryLink } from './link-explanation.ts';
import { LinkProbes } from './link-probes.ts';
import { LinkSockets } from './link-sockets.ts';
import { Links, type UsableFamily } from './links.ts';
import { LookPace } from './look-pace.ts';
import { NetworkJournal } from './network-journal.ts';
import { OnDemand } from './on-demand.ts';
import { RoundKeeper } from './round-keeper.ts';
import { composeStatus } from './status.ts';
import { Tunnel } from './tunnel.ts';
import { TunnelDevices } from './tunnel-devices.ts';

/** What could not be opened or applied is tried again so often even if the network is silent. */
const RETRY_MILLIS = 2_000;
const FAREWELL_MILLIS = 50;
/** Even without news: a foreign `nft flush ruleset` is told to nobody. */
const REVIEW_MILLIS = 60_000;

/** What `stop` does about the machine's network. */
export type Leave = 'as found' | 'as it is';

export class Gateway {
  readonly #context: GatewayContext;
  readonly #links: Links;
  readonly #sockets: LinkSockets;
  readonly #probes: LinkProbes;
  readonly #rounds: RoundKeeper;
  /** undefined: plain traffic goes as the main table says. */
  readonly #internet: Internet | undefined;
  readonly #devices: TunnelDevices;
  readonly #tunnels: Tunnel[] = [];
  readonly #diallers = new Map<Tunnel, Dialler>();
  readonly #listeners: ControlListeners;
  readonly #journal: NetworkJournal;
  readonly #hostileWatch: HostileWatch;
  readonly #filters: readonly TunnelFilter[];
  readonly #filterCounter: FilterCounter;
  readonly #onDemand: OnDemand;
  readonly #startedAt = new Date().toISOString();
  #monitorFd = -1;
  readonly #pace = new LookPace();
  #lookTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Something on the machine may have been changed. */
  #applied = false;

  constructor(context: GatewayContext) {
    this.#context = context;
    this.#links = new Links(context.config.links, context.record);
    this.#sockets = new LinkSockets(context);
    const considerSoon = () => this.#considerSoon();
    const pathsOf = (name: string) => this.#tunnels.find((tunnel) => tunnel.config.name === name)?.paths;
    this.#probes = new LinkProbes(context, this.#links, considerSoon, pathsOf);
    this.#devices = new TunnelDevices(context.config.tunnels);
    this.#listeners = new ControlListeners(context, this.#tunnels);
    this.#journal = new NetworkJournal(context);
    this.#hostileWatch = new HostileWatch(context, this.#tunnels);
    this.#filters = tunnelFilters(context.config.tunnels);
    const ask = this.#filters.length === 0 ? undefined : () => readCounters(filterTable);
    this.#filterCounter = new FilterCounter(ask, monotonicMillis);
    const look = () => this.#lookNow();
    const trouble = (part: string, problems: readonly string[]) => this.#journal.trouble(part, problems);
    const roundTrouble = (problems: readonly string[]) => trouble('probe rounds', problems);
    this.#rounds = new RoundKeeper(context.config.gateway.state, this.#probes, roundTrouble);
    this.#internet = this.#openInternet(considerSoon);
    this.#onDemand = new OnDemand({
      context,
      links: this.#links,
      tunnels: this.#tunnels,
      look,
      trouble,
      neededByInternet: () => this.#internet?.needed() ?? [],
      leaving: (link) => this.#internet?.leave(link),
    });
  }

  /** @throws BackstayError when an address or a tunnel's device cannot be had, or the network cannot be read */
  async start(): Promise<void> {
    try {
      const network = await readNetwork();
      this.#onDemand.adopt();
      this.#internet?.adopt();
      this.#rounds.load();
      await this.#claim(network);
      this.#monitorFd = openRouteMonitor();
      this.#context.worker.send({ kind: 'watch', fd: this.#monitorFd });
      await this.#lookFirst();
      this.#journal.adopted(this.#devices.adoptedNames, network);
    } catch (error) {
      await this.stop('as found').catch(() => {});
      throw error;
    }
    for (const dialler of this.#diallers.values()) dialler.want('now');
    this.#onDemand.start();
  }

  async stop(leave: Leave): Promise<void> {
    this.#stopping = true;
    this.#onDemand.pause();
    this.#hostileWatch.close();
    this.#probes.close();
    this.#internet?.close();
    clearTimeout(this.#lookTimer);
    clearTimeout(this.#retryTimer);
    await this.#looking;
    // A look that was under way has set it again.
    clearTimeout(this.#retryTimer);
    await this.#rounds.close();
    this.#internet?.close();
    for (const dialler of this.#diallers.values()) dialler.close();
    for (const tunnel of this.#tunnels) tunnel.close('shutdown');
    // Closing a listener cuts its sessions off; the farewell should be on its way by then.
    if (this.#tunnels.some((tunnel) => tunnel.role === 'responder')) await sleep(FAREWELL_MILLIS);
    await this.#listeners.close();
    await this.#sockets.close();
    await this.#context.worker.released();
    if (this.#monitorFd >= 0) closeFd(this.#monitorFd);
    await this.#restoreMachine(leave);
  }

  async status(): Promise<Status> {
    const counts = await this.#filterCounter.read();
    const links = this.#linkStatus();
    const internet = this.#internet?.status();
    const status = composeStatus(this.#context, this.#startedAt, links, this.#tunnels, counts);
    return internet === undefined ? status : { ...status, internet };
  }

  useLink(name: string): void {
    this.#requireInternet().use(name);
  }

  releaseLink(): void {
    this.#requireInternet().release();
  }

  explainLink(name: string): LinkDocument {
    return explainLink(name, this.#linkStatus(), this.#probes.get(name));
  }

  tryLink(name: string, words: Readonly<Record<string, string>>): TrialDocument {
    return tryLink(name, words, this.#linkStatus(), this.#probes.get(name));
  }

  #linkStatus(): LinkStatus[] {
    const links = this.#links.status(this.#sockets.troubles());
    return this.#probes.complete(this.#onDemand.complete(links));
  }

  workerEvent(event: WorkerEvent): void {
    switch (event.kind) {
      case 'watched':
        drainRouteMonitor(this.#monitorFd);
        if (this.#stopping) return;
        this.#context.worker.send({ kind: 'watch', fd: this.#monitorFd });
        return this.#lookSoon();
      case 'trouble':
        return this.#journal.trouble('packet worker', [`BS_INTERNAL packet worker: ${event.message}`]);
      case 'pathState':
      case 'pathMoved':
      case 'pathGuarded':
      case 'pathCarrier':
      case 'pathMtu':
      case 'streamLost':
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

  /** Takes what others might have, before anything on the machine is changed. */
  async #claim(network: NetworkSnapshot): Promise<void> {
    this.#links.resolve(network);
    const families = this.#usedFamilies();
    await this.#sockets.adjust(families);
    refuse(this.#sockets.failures());
    this.#openTunnels(network);
    await this.#listeners.adjust(families);
    refuse(this.#listeners.failures());
  }

  #openTunnels(network: NetworkSnapshot): void {
    const spis = new SpiPool();
    for (const [id, device] of this.#devices.open(network).entries()) {
      const config = this.#context.config.tunnels[id];
      if (config === undefined) continue;
      const wantsSession = (when: 'now' | 'later') => this.#diallers.get(tunnel)?.want(when);
      const mtuAgreed = () => this.#lookSoon();
      const parts = { context: this.#context, links: this.#links, spis, wantsSession, mtuAgreed };
      const tunnel: Tunnel = new Tunnel(parts, id, config, device);
      this.#tunnels.push(tunnel);
      if (tunnel.role === 'initiator') {
        this.#diallers.set(tunnel, new Dialler(this.#context, this.#links, tunnel));
      }
    }
  }

  /** A link that no tunnel may use needs no port. */
  #usedFamilies(): UsableFamily[] {
    const used = new Set(this.#context.config.tunnels.flatMap(({ links }) => links));
    return this.#links.families().filter(({ link }) => used.has(link));
  }

  #lookSoon(): void {
    if (this.#stopping || this.#lookTimer !== undefined) return;
    this.#lookTimer = setTimeout(() => {
      this.#lookTimer = undefined;
      void this.#lookNow();
    }, this.#pace.wait(monotonicMillis()));
  }

  /** Fulfilled when what is wanted at this moment was looked at and applied. */
  #lookNow(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look()).catch((error) => this.#lookFailed(error));
    return this.#looking;
  }

  /** Fails the start where it fails. What comes meanwhile waits for it, as for any other look. */
  #lookFirst(): Promise<void> {
    const look = this.#look();
    this.#looking = look.catch(() => {});
    return look;
  }

  async #look(): Promise<void> {
    if (this.#stopping) return;
    const found = await readNetwork();
    const [isChanged, lost] = await this.#restoreDevices(found);
    const network = isChanged ? await readNetwork() : found;
    this.#links.resolve(network);
    this.#applied = true;
    const applied = await applyNetwork(this.#desired(), this.#context.config.gateway.state, network);
    this.#journal.changes(applied.changes);
    this.#journal.trouble('network', [...lost, ...applied.failures].map(failureLine));
    const families = this.#usedFamilies();
    const changed = await this.#sockets.adjust(families);
    await this.#listeners.adjust(families);
    const unprobed = this.#probeLinks(network);
    const unmoved = await this.#consider();
    this.#pace.looked(monotonicMillis(), applied.changes.length + changed.size > 0);
    for (const tunnel of this.#tunnels) tunnel.linksChanged(changed);
    for (const dialler of this.#diallers.values()) dialler.linksChanged();
    const unfinished = [
      ...lost,
      ...applied.failures,
      ...unprobed,
      ...unmoved,
      ...this.#sockets.failures(),
      ...this.#listeners.failures(),
    ];
    this.#lookAgainIn(unfinished.length === 0 ? REVIEW_MILLIS : RETRY_MILLIS);
  }

  #openInternet(considerSoon: () => void): Internet | undefined {
    const { internet: config } = this.#context.config;
    if (config === undefined) return undefined;
    const tellTunnels = () => {
      for (const dialler of this.#diallers.values()) dialler.linksChanged();
    };
    const compose = (internet: DesiredInternet) => ({ ...this.#desired(), internet });
    return new Internet({
      context: this.#context,
      links: this.#links,
      probes: this.#probes,
      config,
      compose,
      tellTunnels,
      considerSoon,
    });
  }

  #requireInternet(): Internet {
    if (this.#internet === undefined)
      throw new BackstayError('BS_INTERNET_NONE', 'No links are configured for plain traffic.');
    return this.#internet;
  }

  /** Between looks: a verdict changed, a time has come, the operator said something. */
  #considerSoon(): void {
    if (this.#stopping || this.#internet === undefined) return;
    this.#looking = this.#looking
      .then(async () => {
        const unmoved = await this.#consider();
        if (unmoved.length > 0) this.#lookAgainIn(RETRY_MILLIS);
      })
      .catch((error) => this.#lookFailed(error));
  }

  /** @returns what of plain traffic could not be moved */
  async #consider(): Promise<readonly NetworkFailure[]> {
    if (this.#stopping || !this.#applied || this.#internet === undefined) return [];
    const failures = await this.#internet.consider();
    this.#journal.trouble('internet', failures.map(failureLine));
    return failures;
  }

  /** All links, also those that no tunnel uses. @returns what can't be probed */
  #probeLinks(network: NetworkSnapshot): NetworkFailure[] {
    if (this.#stopping) return [];
    const failures = this.#probes.adjust(this.#links.families());
    const told = [...failures, ...this.#probes.ownTargets(network)];
    this.#journal.trouble('link probes', told.map(failureLine));
    return failures;
  }

  /** Devices that somebody deleted are made again. @returns whether there were any, and what could not be made */
  async #restoreDevices(network: NetworkSnapshot): Promise<[boolean, NetworkFailure[]]> {
    const failures: NetworkFailure[] = [];
    const lost = this.#devices.lost(network);
    for (const id of lost) {
      const tunnel = this.#tunnels[id];
      if (tunnel === undefined) continue;
      tunnel.changeDevice(undefined);
      await this.#context.worker.released();
      this.#devices.forget(id);
      try {
        tunnel.changeDevice(this.#devices.reopen(network, id));
        this.#journal.changes([`interface ${tunnel.config.interface} made again`]);
      } catch (error) {
        if (!(error instanceof BackstayError)) throw error;
        failures.push({ part: `tunnel ${tunnel.config.name}`, error });
      }
    }
    return [lost.length > 0, failures];
  }

  async #restoreMachine(leave: Leave): Promise<void> {
    if (!this.#applied) return this.#devices.leave();
    if (leave === 'as it is') return this.#devices.leave({ all: true });
    await this.#onDemand.hangUpAll();
    this.#devices.remove();
    this.#internet?.forget();
    const { failures } = await removeNetwork(this.#context.config.gateway.state);
    this.#journal.trouble('network', failures.map(failureLine));
  }

  #lookAgainIn(millis: number): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#lookSoon(), millis);
  }

  #lookFailed(error: unknown): void {
    const line = error instanceof BackstayError ? error.line : `BS_INTERNAL ${String(error)}`;
    this.#journal.trouble('network', [line]);
    this.#lookAgainIn(RETRY_MILLIS);
  }

  #desired(): DesiredState {
    return {
      tunnelDevices: this.#tunnels.map((tunnel) => tunnel.desiredDevice()),
      links: this.#links.desired(),
      filters: this.#filters,
      forwarding: this.#context.config.gateway.forwarding,
      internet: this.#internet?.desired(),
    };
  }
}

/** At the start only: an address that is not there yet may come, but what others hold is a mistake to be told. */
function refuse(failures: readonly NetworkFailure[]): void {
  const failure = failures.find(({ error }) => error.code !== 'BS_ADDRESS_UNAVAILABLE');
  if (failure !== undefined) throw failure.error;
}

function failureLine({ part, error }: NetworkFailure): string {
  return `${part}: ${error.line}`;
}
