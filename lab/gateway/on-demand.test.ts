/**
 * A link that is brought up by a command when a tunnel needs it, and hung up when it does not (S4.8): under load, as
 * the only one left, and with daemons that end or die meanwhile.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { parse, stringify } from 'yaml';
import type { OnDemandStatus, PathStatus } from '../../src/api/status.ts';
import { outside, privateNetworks } from '../addressing.ts';
import { JournalWatch } from './journal-watch.ts';
import { assertHostsReach, openSitePair, type SitePair } from './site-pair.ts';
import { TcpStream, type TcpStreamOptions } from './tcp-stream.ts';

/** What each link carries; above 80 % another is dialled, below 40 % of what remains it is spared. */
const RATE_MBIT = 10;
const profile = [
  { rateMbit: RATE_MBIT, delayMillis: 5 },
  { rateMbit: RATE_MBIT, delayMillis: 5 },
];
const demand = { above: '80%', for: '1s', below: '40%', 'below-for': '1s', outage: '5s' };
const HOLD_MILLIS = 3_000;
const SETTLE_MILLIS = 12_000;
/** After so long both sides have the keys of the new session. */
const NOTICE_MILLIS = 500;

/** Payload of a stream; ESP and outer headers add about a tenth. */
const bytesPerSecond = (share: number) => ({ bytesPerSecond: (share * RATE_MBIT * 1e6) / 8 / 1.1 });
/** More than a link carries. */
const heavy = bytesPerSecond(1.5);
const medium = bytesPerSecond(0.6);

describe('a link on demand', () => {
  let pair: SitePair;
  let watch: JournalWatch;
  const streams: TcpStream[] = [];
  before(async () => {
    // With one cable left, TCP reaches the far side's other address over it and UDP does not: two carriers would share the line.
    const overrides = { link: { encapsulation: 'udp' } };
    pair = await openSitePair('demand', { profile, overrides, withoutWaiting: true });
    writeScript(pair);
  });
  after(() => pair?.close());
  afterEach(async () => {
    // Only one whose test failed has a stream left, which would load the next one's links.
    for (const stream of streams.splice(0)) stream.abort();
    await pair.sites.link(0).set({ blackHole: false });
    await pair.a.stop();
    rmSync(join(pair.a.files.state, 'on-demand.json'), { force: true });
  });

  /** Starts gateway A with its second link on demand and down. */
  async function startWith(link: object = {}, tunnel: object = demand): Promise<void> {
    await pair.a.stop();
    await pair.a.namespace.ip('link set wan1 down');
    rmSync(log(pair), { force: true });
    configure(pair, link, tunnel);
    await pair.a.start();
    watch = await JournalWatch.start(pair.a);
    await pair.a.waitForTunnel(({ state }) => state === 'up');
    // Senders' windows and measures of the start are over.
    await sleep(500);
  }

  async function startStream(options: TcpStreamOptions): Promise<TcpStream> {
    const stream = await TcpStream.start(pair.sites, options);
    streams.push(stream);
    return stream;
  }

  it('is not missed while nobody needs it', async () => {
    await startWith();
    await sleep(3_000);
    assert.equal((await onDemand(pair)).state, 'idle');
    assert.deepEqual(commands(pair), []);
    const entries = (await pair.a.events()).filter(({ kind }) => kind === 'daemonStarted');
    const since = entries.at(-1)?.sequence ?? 0;
    const told = (await pair.a.events()).filter(({ sequence }) => sequence > since);
    assert.deepEqual(
      told.filter(({ subject }) => subject.type === 'link' && subject.name === 'link1'),
      [],
    );
    await assertHostsReach(pair.sites);
  });

  it('comes under load, stays while use is between the thresholds, and goes after it', async () => {
    await startWith();
    const calm = await startStream(medium);
    await sleep(3_000);
    assert.deepEqual(commands(pair), [], 'not for a load below the threshold');
    const more = await startStream(bytesPerSecond(0.35));
    const dialled = await watch.waitFor('linkDialled', undefined, SETTLE_MILLIS);
    assert.equal(dialled.evidence.reason, 'load');
    assert.ok(dialled.evidence.forMillis >= 1_000);
    const { usedBps = 0, capacityBps = 0 } = dialled.evidence;
    assert.ok(
      usedBps > 0.8 * capacityBps && capacityBps <= RATE_MBIT * 1e6,
      JSON.stringify(dialled.evidence),
    );
    await pair.a.waitForTunnel(({ paths }) => paths.some(carriesOver('link1')));
    await waitForState(pair, 'holding');
    await more.finish();
    await sleep(HOLD_MILLIS + 3_000);
    assert.equal((await onDemand(pair)).state, 'up', 'what is left would be used by more than 40 %');
    assert.deepEqual(commands(pair), ['up']);
    await calm.finish();
    const hungUp = await watch.waitFor('linkHungUp', undefined, SETTLE_MILLIS);
    assert.equal(hungUp.evidence.reason, 'spare');
    assert.ok((hungUp.evidence.upMillis ?? 0) >= HOLD_MILLIS);
    await pair.a.waitForTunnel(({ paths }) => paths.every(({ link }) => link !== 'link1'));
    await waitForState(pair, 'idle');
    assert.deepEqual(commands(pair), ['up', 'down']);
    assert.deepEqual(await watch.of('tunnelDown'), []);
    assert.deepEqual(await watch.of('linkDown'), []);
    await assertHostsReach(pair.sites);
  });

  it('comes when the line is full, though nobody has said what it carries', async () => {
    await startWith({}, { queue: '5ms', for: '1s', 'below-for': '1s' });
    await pair.a.stop();
    change(pair.a.files.config, ({ links }) => {
      for (const link of Object.values(links) as Section[]) delete link['rate'];
    });
    await pair.a.start();
    watch = await JournalWatch.start(pair.a);
    const stream = await startStream(heavy);
    const { evidence } = await watch.waitFor('linkDialled', undefined, SETTLE_MILLIS);
    assert.equal(evidence.reason, 'queue');
    assert.ok((evidence.queueMillis ?? 0) >= 5, JSON.stringify(evidence));
    await stream.finish();
    await watch.waitFor('linkHungUp', undefined, SETTLE_MILLIS + HOLD_MILLIS);
    await waitForState(pair, 'idle');
  });

  it('comes when it is the only one left, and goes when another carries again', async () => {
    await startWith({}, { outage: '3s', 'below-for': '1s' });
    await pair.sites.link(0).set({ blackHole: true });
    const dialled = await watch.waitFor('linkDialled', undefined, SETTLE_MILLIS);
    assert.equal(dialled.evidence.reason, 'noLink');
    for (const side of ['a', 'b'] as const) {
      await pair[side].waitForTunnel(({ paths }) => paths.some(carriesOver('link1')));
    }
    await sleep(NOTICE_MILLIS);
    await assertHostsReach(pair.sites);
    await pair.sites.link(0).set({ blackHole: false });
    const hungUp = await watch.waitFor('linkHungUp', undefined, SETTLE_MILLIS + HOLD_MILLIS);
    assert.equal(hungUp.evidence.reason, 'spare');
    await waitForState(pair, 'idle');
    // The far side hears of it by the control connection; until then it may still send over the link that has gone.
    await pair.b.waitForTunnel(({ paths }) => !paths.some(carriesOver('link1')));
    await assertHostsReach(pair.sites);
  });

  it('is left alone outside of its hours', async () => {
    // A minute of the day after tomorrow.
    const day = new Date(Date.now() + 2 * 86_400_000)
      .toLocaleDateString('en', { weekday: 'short' })
      .toLowerCase();
    await startWith({ hours: `${day} 00:00-00:01` });
    const stream = await startStream(heavy);
    await sleep(4_000);
    assert.deepEqual(commands(pair), []);
    assert.equal((await onDemand(pair)).state, 'forbidden');
    await stream.finish();
  });

  it('is hung up when its hours end, held or not', async () => {
    // Hours end with a minute; until then there is time to dial.
    const end = Math.ceil((Date.now() + 15_000) / 60_000) * 60_000;
    const clock = (millis: number) => new Date(millis).toISOString().slice(11, 16);
    const hours = `${clock(end - 3_600_000)}-${clock(end)}`;
    await startWith({ hold: '10m', hours, 'time-zone': 'UTC' });
    const stream = await startStream(heavy);
    await waitForState(pair, 'holding');
    const hungUp = await watch.waitFor('linkHungUp', undefined, end - Date.now() + 5_000);
    assert.equal(hungUp.evidence.reason, 'hours');
    assert.ok(Date.parse(hungUp.at) >= end);
    await waitForState(pair, 'forbidden');
    await stream.finish();
    assert.deepEqual(commands(pair), ['up', 'down']);
  });

  it('is dialled only for the traffic that was chosen', async () => {
    const { v4, v6 } = privateNetworks.b;
    await startWith({}, { ...demand, traffic: [{ protocol: 'udp' }, { protocol: 'tcp', ports: '1-1000' }] });
    const stream = await startStream(heavy);
    await sleep(4_000);
    assert.deepEqual(commands(pair), []);
    const rules = async () => (await pair.a.namespace.run('nft', ['list', 'ruleset'])).stdout;
    await pair.a.namespace.nft('delete table inet backstay-demand');
    await sleep(2_500);
    assert.match(await rules(), /backstay-demand/, 'made again');
    configure(pair, {}, { ...demand, traffic: { protocol: 'tcp', to: [v4, v6], ports: '7000-8000' } });
    await pair.a.stop();
    assert.doesNotMatch(await rules(), /backstay-demand/);
    await pair.a.start();
    watch = await JournalWatch.start(pair.a);
    const { evidence } = await watch.waitFor('linkDialled', undefined, SETTLE_MILLIS);
    assert.equal(evidence.reason, 'load');
    await stream.finish();
  });

  it('whose command fails is told with what the command said, and tried again later', async () => {
    await startWith({ 'up-command': ['/bin/sh', '-c', 'echo NO CARRIER; exit 7'] });
    const stream = await startStream(heavy);
    const failed = await watch.waitFor('linkDialFailed', undefined, SETTLE_MILLIS);
    assert.equal(failed.evidence.code, 'BS_DIAL_FAILED');
    assert.match(failed.evidence.message, /status 7: NO CARRIER/);
    await waitForState(pair, 'failed');
    assert.deepEqual(commands(pair), ['down'], 'what may be half up is cleared away');
    await stream.finish();
  });

  it('is hung up when the daemon stops', async () => {
    await startWith();
    const stream = await startStream(heavy);
    await waitForState(pair, 'holding', 'up');
    await pair.a.stop();
    assert.deepEqual(commands(pair), ['up', 'down']);
    assert.equal(existsSync(join(pair.a.files.state, 'on-demand.json')), false);
    await pair.a.start();
    await stream.finish();
  });

  it('that a killed daemon left up is taken over by the next one, and hung up when it is spared', async () => {
    await startWith();
    const stream = await startStream(heavy);
    await waitForState(pair, 'holding', 'up');
    pair.a.kill();
    await pair.a.child.exited;
    await pair.a.start();
    watch = await JournalWatch.start(pair.a);
    assert.ok(
      (await pair.a.events()).some(({ kind, evidence }) => {
        return kind === 'adoptedLeftovers' && JSON.stringify(evidence).includes('link link1');
      }),
    );
    await pair.a.waitForTunnel(({ paths }) => paths.some(carriesOver('link1')));
    await stream.finish();
    await watch.waitFor('linkHungUp', undefined, SETTLE_MILLIS + HOLD_MILLIS);
    await waitForState(pair, 'idle');
    assert.deepEqual(commands(pair), ['up', 'down']);
  });

  it('that a killed daemon left up is hung up by one that does not know it any more', async () => {
    await startWith();
    const stream = await startStream(heavy);
    await waitForState(pair, 'holding', 'up');
    pair.a.kill();
    await pair.a.child.exited;
    configureWithoutIt(pair);
    await pair.a.start();
    await pair.a.waitForTunnel(({ state }) => state === 'up');
    await stream.finish();
    assert.deepEqual(commands(pair), ['up', 'down']);
  });
});

function configure({ a, directory }: SitePair, link: object, tunnel: object): void {
  const script = join(directory, 'line');
  const onDemandBlock = {
    'up-command': [script, 'up'],
    'down-command': [script, 'down'],
    hold: `${HOLD_MILLIS}ms`,
    retry: '20s',
    ...link,
  };
  change(a.files.config, ({ links, tunnels }) => {
    links['link1'] = { ...links['link1'], use: 'on-demand', 'on-demand': onDemandBlock };
    tunnels['sites'] = { ...tunnels['sites'], links: ['link0', 'link1'], demand: tunnel };
  });
}

function configureWithoutIt({ a }: SitePair): void {
  change(a.files.config, ({ links, tunnels }) => {
    delete links['link1'];
    const { demand: _, ...tunnel } = tunnels['sites'] as Section;
    tunnels['sites'] = { ...tunnel, links: ['link0'] };
  });
}

type Section = Record<string, object | undefined>;

function change(file: string, edit: (config: { links: Section; tunnels: Section }) => void): void {
  const config = parse(readFileSync(file, 'utf8')) as { links: Section; tunnels: Section };
  edit(config);
  writeFileSync(file, stringify(config));
}

/** The line as a modem would be: a word brings it up with its addresses, another takes it down. */
function writeScript(pair: SitePair): void {
  const { v4, v6 } = outside(1, 1);
  const script = join(pair.directory, 'line');
  const lines = [
    '#!/bin/sh -e',
    `echo "$1" >> ${log(pair)}`,
    'test "$BACKSTAY_INTERFACE" = wan1',
    'if [ "$1" = up ]; then',
    '  ip link set wan1 up',
    `  ip address replace ${v4}/24 dev wan1`,
    `  ip address replace ${v6}/64 dev wan1 nodad`,
    'else',
    '  ip link set wan1 down',
    'fi',
  ];
  writeFileSync(script, `${lines.join('\n')}\n`);
  chmodSync(script, 0o755);
}

function log({ directory }: SitePair): string {
  return join(directory, 'line.log');
}

function carriesOver(name: string): (path: PathStatus) => boolean {
  return ({ link, state }) => link === name && state === 'up';
}

/** What the line was told, in order. */
function commands(pair: SitePair): string[] {
  if (!existsSync(log(pair))) return [];
  return readFileSync(log(pair), 'utf8').trim().split('\n');
}

async function onDemand({ a }: SitePair): Promise<OnDemandStatus> {
  const link = (await a.status()).links.find(({ name }) => name === 'link1');
  return link?.onDemand ?? assert.fail('link1 is not on demand');
}

async function waitForState(pair: SitePair, ...states: OnDemandStatus['state'][]): Promise<void> {
  const deadline = performance.now() + SETTLE_MILLIS;
  for (;;) {
    const { state } = await onDemand(pair);
    if (states.includes(state)) return;
    if (performance.now() > deadline) {
      const { tunnels, links } = await pair.a.status();
      throw new Error(`link1 is ${state}\n${inspect({ tunnels, links }, { depth: null })}`);
    }
    await sleep(100);
  }
}
