/**
 * Many branches in one process: `crowd-main.ts PLAN`.
 *
 * Contract: each branch has its own key, link, address, socket, TUN device and tunnel, made by the same rooms as a daemon's; they
 * share a packet worker. Prints `ready` when everything is open, dials when its input says `go`, and ends with SIGTERM: every
 * tunnel takes its leave. The devices stay down, so only the tunnels' own packets flow.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../src/config/index.ts';
import { WorkerHandle } from '../../src/dataplane/worker-handle.ts';
import { SpiPool } from '../../src/gateway/associations.ts';
import type { GatewayContext } from '../../src/gateway/context.ts';
import { Dialler } from '../../src/gateway/dialler.ts';
import { LinkSockets } from '../../src/gateway/link-sockets.ts';
import { Links } from '../../src/gateway/links.ts';
import { Tunnel } from '../../src/gateway/tunnel.ts';
import { loadConfigFile } from '../../src/linux/config-file.ts';
import { readIdentity } from '../../src/linux/identity.ts';
import { readNetwork } from '../../src/linux/network-state.ts';
import { openTun, removeTun, type TunDevice } from '../../src/linux/tun.ts';
import type { CrowdPlan } from './crowd-plan.ts';

/** What tunnels say when they are closed should be on its way before the process ends. */
const FAREWELL_MILLIS = 200;

type Branch = { readonly tunnel: Tunnel; readonly dialler: Dialler; readonly device: TunDevice };

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as CrowdPlan;
const config = loadConfigFile(plan.config);
const branches: Branch[] = [];
const worker = await WorkerHandle.start(
  (event) => {
    if ('tunnel' in event) branches[event.tunnel]?.tunnel.workerEvent(event);
  },
  (error) => {
    throw error;
  },
);
const shared = { config, worker, record: () => {}, keyLog: undefined };
const links = new Links(config.links, shared.record);
const spis = new SpiPool();

links.resolve(await readNetwork());
for (const [index, path] of plan.identities.entries()) branches.push(openBranch(index, path));
const sockets = new LinkSockets(contextOf(plan.identities[0] ?? ''));
await sockets.adjust(links.families());
const [failure] = sockets.failures();
if (failure !== undefined) throw failure.error;

process.once('SIGTERM', () => void leave());
process.stdin.once('data', () => {
  for (const { dialler } of branches) {
    dialler.linksChanged();
    dialler.want('now');
  }
});
console.log('ready');

function openBranch(index: number, identityPath: string): Branch {
  const context = contextOf(identityPath);
  const { name, interface: device } = templateOf(config);
  const link = config.links[index]?.name ?? '';
  const own = {
    ...templateOf(config),
    name: `${name}${index}`,
    interface: `${device}${index}`,
    links: [link],
  };
  const tun = openTun(own.interface);
  const wantsSession = (when: 'now' | 'later') => branches[index]?.dialler.want(when);
  const tunnel = new Tunnel({ context, links, spis, wantsSession, mtuAgreed: () => {} }, index, own, tun);
  return { tunnel, dialler: new Dialler(context, links, tunnel), device: tun };
}

function contextOf(identityPath: string): GatewayContext {
  return { ...shared, identity: readIdentity(identityPath) };
}

function templateOf({ tunnels: [template] }: Config): Config['tunnels'][number] {
  if (template === undefined) throw new Error('the configuration of a crowd has one tunnel');
  return template;
}

async function leave(): Promise<void> {
  for (const { dialler, tunnel } of branches) {
    dialler.close();
    tunnel.close('shutdown');
  }
  await sleep(FAREWELL_MILLIS);
  await sockets.close();
  await worker.stop();
  for (const { device } of branches) removeTun(device);
  process.exit(0);
}
