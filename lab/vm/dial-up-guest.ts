/**
 * Runs inside the virtual machine: the daemon dials a modem by pppd and chat, and a real pppd answers at the far end.
 *
 * Contract: as of `scenarios.ts`; a day in the life of a link that is dialled.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import type { LinkStatus } from '../../src/api/status.ts';
import type { JournalEntry } from '../../src/journal/journal.ts';
import { hostInside } from '../addressing.ts';
import { JournalWatch } from '../gateway/journal-watch.ts';
import { openSitePair, type SitePair } from '../gateway/site-pair.ts';
import { account, callerAddress, nameServers, openProvider, type Provider } from '../modem/provider.ts';
import { connect } from '../namespace.ts';
import { askUntil } from '../patience.ts';
import { Scenarios } from './scenarios.ts';

/** The processor is emulated, and others measure on the real one. */
const PATIENCE_MILLIS = 60_000;
const START_MILLIS = 180_000;
const LOOK_MILLIS = 200;
const RETRY_MILLIS = 1_000;
const device = '/dev/modem';
/** By which programs tell each other that they have it. */
const lockFile = '/run/lock/LCK..modem';
const outsideB = '203.0.113.2';
/** What the modem is told at each try. */
const call = ['ATZ', 'ATX3', 'ATDT0123456789'];

type Section = Record<string, object | undefined>;
type Rig = SitePair & Provider & { readonly passwordFile: string };

const scenarios = new Scenarios();
const rig = await open();
await scenarios.play('a busy line is called again, then told with the code', busy);
await scenarios.play('a call without carrier, and one that nobody answers with PPP', otherFailures);
await scenarios.play(
  'the link comes up by PPP with CHAP, with address and name servers, and carries the tunnel',
  comesUp,
);
await scenarios.play('nothing secret is left where others could read it', keepsSecrets);
await scenarios.play('a daemon that was killed keeps the line for the next one', survives);
await scenarios.play('a line that drops is told and dialled again', drops);
await scenarios.play('a link that is not needed is hung up', hangsUp);
await scenarios.play('a modem that another program holds is told with its process', inUse);
await scenarios.play('a refused password ends the dial at once, and is not tried again soon', refused);
await scenarios.play('a daemon that stops leaves no pppd', stops);
await scenarios.write();
await rig.close();

async function open(): Promise<Rig> {
  const pair = await openSitePair('dial', {
    profile: ['plain'],
    withoutStarting: true,
    families: 'v4',
  });
  const { a, b, sites, lab, directory } = pair;
  const provider = await openProvider(lab, device);
  const cable = { namespace: provider.namespace, name: 'office0' };
  await connect({ namespace: sites.gatewayB, name: 'modem0' }, cable);
  await provider.namespace.ip('address add 203.0.113.1/24 dev office0');
  await sites.gatewayB.ip(`address add ${outsideB}/24 dev modem0`);
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, `${account.password}\n`, { mode: 0o600 });
  change(a.files.config, ({ links, tunnels }) => {
    links['modem'] = { interface: 'ppp0', use: 'on-demand', 'on-demand': dialBlock(passwordFile) };
    const tunnel = tunnels['sites'] as { peer: { addresses: string[] } };
    tunnel.peer.addresses.push(outsideB);
    tunnels['sites'] = { ...tunnel, links: ['link0', 'modem'], demand: { outage: '1s', 'below-for': '1s' } };
  });
  change(b.files.config, ({ links, tunnels }) => {
    links['provider'] = { interface: 'modem0', address: outsideB, gateway: '203.0.113.1' };
    tunnels['sites'] = { ...tunnels['sites'], links: ['link0', 'provider'] };
  });
  await sites.gatewayA.ip('link set wan0 down');
  provider.modem.outcome = 'busy';
  await Promise.all([b, a].map((daemon) => daemon.start(START_MILLIS)));
  return { ...pair, ...provider, passwordFile };
}

function dialBlock(passwordFile: string): object {
  return {
    ppp: {
      device,
      phone: '0123456789',
      account: account.name,
      'password-file': passwordFile,
      init: ['ATZ', 'ATX3'],
      tries: 2,
      pause: '1s',
      'answer-within': '10s',
      'negotiate-within': '10s',
    },
    hold: '2s',
    retry: `${RETRY_MILLIS}ms`,
  };
}

async function busy(): Promise<void> {
  const again = await failure('linkDialTryFailed', 'BS_DIAL_BUSY');
  assert.match(again.message, /The modem says BUSY, calling 0123456789/);
  const failed = await failure('linkDialFailed', 'BS_DIAL_BUSY');
  assert.match(failed.message, /try 2 of 2/);
  assert.deepEqual(rig.modem.commands.slice(0, 6), [...call, ...call]);
}

async function otherFailures(): Promise<void> {
  rig.modem.outcome = 'no-carrier';
  await failure('linkDialTryFailed', 'BS_DIAL_NO_CARRIER');
  rig.modem.outcome = 'mute';
  const { message } = await failure('linkDialFailed', 'BS_PPP_TIMEOUT');
  assert.match(message, /LCP did not come to an end within 10 s/);
  rig.modem.outcome = 'connect';
}

async function comesUp(): Promise<void> {
  const modem = await linkThat(isUp);
  assert.deepEqual([modem.addresses, modem.dns], [[callerAddress], nameServers]);
  await assertCarries();
  const { stdout } = await rig.sites.gatewayA.run('ip', ['route', 'show', 'table', 'main', 'default']);
  assert.equal(stdout, '', 'pppd makes no default route');
}

async function keepsSecrets(): Promise<void> {
  const directory = join(rig.a.files.state, 'ppp', 'modem');
  assert.equal(existsSync(join(directory, 'options')), false, 'what pppd has read is gone');
  const log = readFileSync(join(directory, 'log'), 'latin1');
  assert.match(log, /CHAP authentication succeeded/);
  const journal = JSON.stringify(await rig.a.events());
  const status = JSON.stringify(await rig.a.status());
  const [pppd = ''] = lines();
  assert.match(pppd, /^pppd|\/pppd/);
  for (const text of [log, journal, status, pppd, rig.a.child.output]) {
    assert.ok(!text.includes(account.password) && !text.includes('quoted'), text);
  }
}

async function survives(): Promise<void> {
  const before = lines();
  assert.equal(before.length, 1);
  const calls = rig.modem.calls.length;
  rig.a.kill();
  await rig.a.child.exited;
  await sleep(1_000);
  assert.ok(rig.modem.isInCall);
  await rig.a.start(START_MILLIS);
  const modem = await linkThat(isUp);
  assert.deepEqual(modem.dns, nameServers);
  await assertCarries();
  assert.deepEqual([lines(), rig.modem.calls.length], [before, calls]);
}

async function drops(): Promise<void> {
  const watch = await JournalWatch.start(rig.a);
  const calls = rig.modem.calls.length;
  rig.modem.drop();
  const { evidence } = await watch.waitFor(
    'linkDialFailed',
    (entry) => entry.evidence.code === 'BS_PPP_DROPPED',
    PATIENCE_MILLIS,
  );
  assert.match(evidence.message, /The line was up and is lost: (Modem hangup|Hangup)/);
  await linkThat((link) => isUp(link) && rig.modem.calls.length > calls);
  await assertCarries();
}

async function hangsUp(): Promise<void> {
  const watch = await JournalWatch.start(rig.a);
  await rig.sites.gatewayA.ip('link set wan0 up');
  const { evidence } = await watch.waitFor('linkHungUp', undefined, PATIENCE_MILLIS);
  assert.equal(evidence.reason, 'spare');
  await linkThat(({ onDemand }) => onDemand?.state === 'idle');
  assert.deepEqual([lines(), rig.modem.isInCall], [[], false]);
}

async function inUse(): Promise<void> {
  const watch = await JournalWatch.start(rig.a);
  writeFileSync(lockFile, `${String(process.pid).padStart(10)}\n`);
  await rig.sites.gatewayA.ip('link set wan0 down');
  const { evidence } = await watch.waitFor('linkDialFailed', undefined, PATIENCE_MILLIS);
  assert.equal(evidence.code, 'BS_MODEM_IN_USE');
  assert.match(evidence.message, new RegExp(`locked by pid ${process.pid}\\.$`));
}

async function refused(): Promise<void> {
  const calls = rig.modem.calls.length;
  const watch = await JournalWatch.start(rig.a);
  writeFileSync(rig.passwordFile, 'wrong\n');
  rmSync(lockFile);
  const { evidence } = await watch.waitFor(
    'linkDialFailed',
    (entry) => entry.evidence.code === 'BS_PPP_REFUSED',
    PATIENCE_MILLIS,
  );
  assert.match(evidence.message, /refused account branch12 or its password: CHAP authentication failed/);
  assert.equal(evidence.retryMillis, 16 * RETRY_MILLIS);
  assert.equal(rig.modem.calls.length, calls + 1);
  writeFileSync(rig.passwordFile, `${account.password}\n`);
}

async function stops(): Promise<void> {
  await linkThat(isUp);
  assert.equal(lines().length, 1);
  rig.a.child.signal('SIGTERM');
  await rig.a.child.exited;
  assert.deepEqual(lines(), []);
  assert.equal(existsSync(join(rig.a.files.state, 'on-demand.json')), false);
}

/** Since the start of the daemon, as earlier scenarios have waited for other ones. */
async function failure(
  kind: 'linkDialTryFailed' | 'linkDialFailed',
  code: string,
): Promise<{ message: string }> {
  let events: readonly JournalEntry[] = [];
  const found = await askUntil(
    async () => {
      events = await rig.a.events();
      return events.find((entry) => entry.kind === kind && entry.evidence.code === code);
    },
    PATIENCE_MILLIS,
    LOOK_MILLIS,
  );
  if (found !== undefined) return found.evidence as { message: string };
  const seen = events.map((entry) => `${entry.kind} ${JSON.stringify(entry.evidence)}`).join('\n');
  throw new Error(`no ${kind} with ${code}:\n${seen}\n${pppLog()}`);
}

async function linkThat(isWanted: (link: LinkStatus) => boolean): Promise<LinkStatus> {
  let link: LinkStatus | undefined;
  const found = await askUntil(
    async () => {
      link = (await rig.a.status()).links.find(({ name }) => name === 'modem');
      return link !== undefined && isWanted(link) ? link : undefined;
    },
    PATIENCE_MILLIS,
    LOOK_MILLIS,
  );
  if (found !== undefined) return found;
  throw new Error(`${JSON.stringify(link)}\n${pppLog()}\n${rig.a.child.output}`);
}

function isUp({ state, onDemand }: LinkStatus): boolean {
  return state === 'up' && (onDemand?.state === 'up' || onDemand?.state === 'holding');
}

async function assertCarries(): Promise<void> {
  const carries = ({ link, state }: { link: string; state: string }) => link === 'modem' && state === 'up';
  await rig.a.waitForTunnel(({ state, paths }) => state === 'up' && paths.some(carries), PATIENCE_MILLIS);
  await rig.b.waitForTunnel(({ state }) => state === 'up', PATIENCE_MILLIS);
  const deadline = performance.now() + PATIENCE_MILLIS;
  const reach = () => rig.sites.hostA.run('ping', ['-c', '1', '-W', '2', hostInside('b').v4]);
  while (
    !(await reach().then(
      () => true,
      () => false,
    ))
  )
    assert.ok(performance.now() < deadline, 'host A reaches host B over the line');
}

function pppLog(): string {
  const path = join(rig.a.files.state, 'ppp', 'modem', 'log');
  return existsSync(path) ? readFileSync(path, 'latin1').slice(-2_000) : 'there is no log of pppd';
}

/** The command lines of the gateway's pppds, with their process ids. */
function lines(): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
        const isOurs = /(^|\/)pppd$/.test(words[0] ?? '') && words[1] === 'file';
        return isOurs ? [`${words.join(' ')}${pid}`] : [];
      } catch {
        return [];
      }
    });
}

function change(file: string, edit: (config: { links: Section; tunnels: Section }) => void): void {
  const config = parse(readFileSync(file, 'utf8')) as { links: Section; tunnels: Section };
  edit(config);
  writeFileSync(file, stringify(config));
}
