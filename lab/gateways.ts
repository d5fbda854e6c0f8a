/**
 * Both gateways of a site pair as real daemons, started and ended with the laboratory.
 *
 * Contract: the daemon is the one that an operator runs (`bin/backstay run`), with the configuration of
 * gateway-configs.ts. `openGateways` waits until the tunnel is up on both sides, unless told not to.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Status, TunnelStatus } from '../src/api/status.ts';
import type { JournalEntry } from '../src/journal/journal.ts';
import { createIdentity } from '../src/linux/identity.ts';
import type { Side } from './addressing.ts';
import type { Child } from './child.ts';
import {
  type ConfigOptions,
  type GatewayFiles,
  gatewayFiles,
  writeGatewayConfigs,
} from './gateway-configs.ts';
import type { Lab } from './lab.ts';
import type { Namespace } from './namespace.ts';
import { askUntil } from './patience.ts';
import type { Sites } from './sites.ts';

const program = join(import.meta.dirname, '..', 'bin', 'backstay');

export type GatewaysOptions = Omit<ConfigOptions, 'fingerprints'> & {
  /** Resolve as soon as the daemons run, without waiting for the tunnel. */
  readonly withoutWaiting?: boolean;
  /** Start no daemon: the test has to change something before. */
  readonly withoutStarting?: boolean;
  /** Arguments behind `run --config FILE`, per side. */
  /** As an operator starts them. What a test looks at does not depend on it, and there are hundreds of starts. */
  readonly isWarmedUp?: boolean;
  readonly runArguments?: (files: GatewayFiles) => readonly string[];
};

/** For daemons of which nothing is measured. */
export const quickStart = ['--quick-start'] as const;

export class GatewayDaemon {
  readonly side: Side;
  readonly namespace: Namespace;
  readonly files: GatewayFiles;
  readonly #arguments: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  #child: Child | undefined;

  /** @param environment beside that of the test */
  constructor(
    side: Side,
    namespace: Namespace,
    files: GatewayFiles,
    runArguments: readonly string[],
    environment: NodeJS.ProcessEnv = {},
  ) {
    this.side = side;
    this.namespace = namespace;
    this.files = files;
    this.#arguments = runArguments;
    this.#environment = environment;
  }

  get child(): Child {
    if (this.#child === undefined) throw new Error(`gateway ${this.side} was not started`);
    return this.#child;
  }

  /** @param timeoutMillis for whatever has to be in place before it listens */
  async start(timeoutMillis?: number): Promise<void> {
    const words = ['run', '--config', this.files.config, ...this.#arguments];
    const env = { ...process.env, ...this.#environment };
    this.#child = await this.namespace.spawn(program, words, { env });
    await this.child.waitFor(/runs as/, timeoutMillis);
  }

  /** SIGTERM, and the exit status. */
  async stop(): Promise<void> {
    await this.child.stop();
  }

  kill(): void {
    this.child.killNow();
  }

  status(): Promise<Status> {
    return getJson<Status>(this.files.socket, '/v1/status');
  }

  async tunnel(): Promise<TunnelStatus> {
    const [tunnel] = (await this.status()).tunnels;
    if (tunnel === undefined) throw new Error(`gateway ${this.side} has no tunnel`);
    return tunnel;
  }

  async events(): Promise<readonly JournalEntry[]> {
    return (await getJson<{ entries: JournalEntry[] }>(this.files.socket, '/v1/events?limit=1000')).entries;
  }

  /** Waits until the tunnel is as wanted; throws with the daemon's output when it does not come to that. */
  async waitForTunnel(
    wanted: (tunnel: TunnelStatus) => boolean,
    timeoutMillis = 15_000,
  ): Promise<TunnelStatus> {
    let seen: TunnelStatus | undefined;
    const found = await askUntil(async () => {
      seen = await this.tunnel().catch(() => undefined);
      return seen !== undefined && wanted(seen) ? seen : undefined;
    }, timeoutMillis);
    if (found !== undefined) return found;
    const shown = JSON.stringify(seen, undefined, 1);
    throw new Error(`gateway ${this.side}: the tunnel did not get there\n${shown}\n${this.child.output}`);
  }
}

export type Gateways = { readonly a: GatewayDaemon; readonly b: GatewayDaemon; readonly directory: string };

export async function openGateways(lab: Lab, sites: Sites, options: GatewaysOptions = {}): Promise<Gateways> {
  const directory = mkdtempSync(join(tmpdir(), `${lab.tag}-`));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  lab.onRemoval({ gracefully: async () => remove(), now: remove });
  // The configurations name each other's fingerprints, so the keys come first; their folders are made with the files.
  const placeholder = { a: noFingerprint, b: noFingerprint };
  writeGatewayConfigs(sites, directory, { ...options, fingerprints: placeholder });
  const fingerprints = {
    a: createIdentity(gatewayFiles(directory, 'a').identity).fingerprint,
    b: createIdentity(gatewayFiles(directory, 'b').identity).fingerprint,
  };
  const files = writeGatewayConfigs(sites, directory, { ...options, fingerprints });
  const words = (of: GatewayFiles) => [
    ...(options.isWarmedUp === true ? [] : quickStart),
    ...(options.runArguments?.(of) ?? []),
  ];
  const a = new GatewayDaemon('a', sites.gatewayA, files.a, words(files.a));
  const b = new GatewayDaemon('b', sites.gatewayB, files.b, words(files.b));
  if (options.withoutStarting === true) return { a, b, directory };
  await Promise.all([a.start(), b.start()]);
  if (options.withoutWaiting !== true) await waitUntilUp({ a, b });
  return { a, b, directory };
}

/** Every path of the tunnel carries, on both sides. */
export async function waitUntilUp(
  gateways: Pick<Gateways, 'a' | 'b'>,
  timeoutMillis = 15_000,
): Promise<void> {
  const up = (tunnel: TunnelStatus) =>
    tunnel.state === 'up' && tunnel.paths.length > 0 && tunnel.paths.every((path) => path.state === 'up');
  await Promise.all([
    gateways.a.waitForTunnel(up, timeoutMillis),
    gateways.b.waitForTunnel(up, timeoutMillis),
  ]);
}

const noFingerprint = `SHA256:${'A'.repeat(43)}`;

function getJson<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    // A connection of its own: one that is kept may be closed by the daemon in the moment in which it is used again.
    request({ socketPath, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString()) as T));
    })
      .on('error', reject)
      .end();
  });
}
