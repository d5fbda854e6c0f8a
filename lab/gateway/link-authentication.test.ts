/**
 * The own TCP connections of paths: who proves himself gets in, a path without TCP works by UDP, and whoever lies or copies
 * keeps nobody else from working (S4.4).
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readIdentity } from '../../src/linux/identity.ts';
import { encodeBundle } from '../../src/tunnel/control/bundle-header.ts';
import { Deframer } from '../../src/tunnel/control/deframer.ts';
import { decodeMessage, encodeMessage } from '../../src/tunnel/control/message-codec.ts';
import { outside, type Side } from '../addressing.ts';
import { Capture } from '../capture.ts';
import { waitUntilUp } from '../gateways.ts';
import { JournalWatch, onLink } from './journal-watch.ts';
import { attempt, program } from './refusal.ts';
import { assertHostsReach, openSitePair, type SitePair } from './site-pair.ts';

const scriptedPeer = join(import.meta.dirname, '..', 'hostile', 'scripted-peer-main.ts');
const secondInitiator = join(import.meta.dirname, '..', 'hostile', 'second-initiator-main.ts');
const FALSE_PORT = 4599;
const there = outside(0, 2).v4;
const here = outside(0, 1).v4;

const bytes = (length: number) => new Uint8Array(length);
const zeroProof = encodeMessage(2, { type: 'linkAuthenticateResponse', proof: bytes(32) }).toHex();

function requestWith(ticket: Uint8Array, pathId: number): string {
  return encodeMessage(1, {
    type: 'linkAuthenticateRequest',
    ticket,
    pathId,
    challenge: bytes(32),
  }).toHex();
}

const noTable = `
table inet laboratory_tcp {}
delete table inet laboratory_tcp`;

function tableOf(rule: string): string {
  return `${noTable}\ntable inet laboratory_tcp {\n  ${rule}\n}`;
}

const swallowTcp = tableOf(`chain in {
    type filter hook input priority 0;
    iifname "wan1" tcp dport 4500 drop
  }`);
const misleadTcp = tableOf(`chain in {
    type nat hook prerouting priority dstnat;
    iifname "wan1" tcp dport 4500 redirect to :${FALSE_PORT}
  }`);

describe('paths of two gateways', () => {
  let pair: SitePair;
  let watches: Record<Side, JournalWatch>;
  before(async () => {
    pair = await openSitePair('proofs', { overrides: { link: { address: 'auto' } } });
  });
  after(() => pair?.close());
  beforeEach(async () => {
    watches = { a: await JournalWatch.start(pair.a), b: await JournalWatch.start(pair.b) };
  });

  async function restartA(): Promise<void> {
    await pair.a.child.stop();
    await pair.a.start();
  }

  async function leaveTcpAlone(): Promise<void> {
    await pair.b.namespace.nft(noTable);
  }

  /** What a stranger at A's place hears of B when he says this. */
  async function called(...texts: readonly string[]): Promise<string[]> {
    const words = [process.execPath, scriptedPeer, 'call', there, '4500', here, ...texts];
    const { stdout } = await attempt(pair.a.namespace, words);
    const heard = Uint8Array.fromHex(stdout.match(/heard (\w*)/)?.[1] ?? '');
    return new Deframer().push(heard).frames.map((frame) => {
      const decoded = decodeMessage(frame);
      if (!decoded.ok) return 'not understood';
      return 'result' in decoded.message ? decoded.message.result : decoded.message.type;
    });
  }

  it('join after their ends have proven themselves over TCP', async () => {
    const entries = await pair.a.events();
    for (const path of (await pair.a.tunnel()).paths) {
      const ofPath = entries.filter(({ subject }) => subject.type === 'path' && subject.id === path.id);
      const order = ofPath.map(({ kind }) => kind).filter((kind) => kind !== 'pathSuspect');
      assert.deepEqual(order.slice(0, 3), ['pathProven', 'pathAdded', 'pathUp'], `path ${path.id}`);
    }
    const proven = (await pair.b.events()).filter(({ kind }) => kind === 'pathProven');
    assert.equal(proven.length, 4);
    const { stdout } = await pair.b.namespace.run('ss', [
      '-Htn',
      'state',
      'established',
      'sport',
      '=',
      ':4500',
    ]);
    assert.equal(stdout.trim().split('\n').length, 5, `a session and a connection for each path:\n${stdout}`);
  });

  it('work by UDP where TCP is swallowed, and the journal says so once', async () => {
    await pair.b.namespace.nft(swallowTcp);
    await restartA();
    await waitUntilUp(pair);
    await assertHostsReach(pair.sites);
    const unproven = await watches.a.waitFor('pathUnproven', onLink('link1'), 10_000);
    assert.equal(unproven.evidence.outcome, 'timeout');
    assert.match(unproven.evidence.reason, /works by UDP alone/);
    await waitUntilUp(pair);
    const all = await watches.a.of('pathUnproven');
    assert.ok(all.length <= 2 && all.every((entry) => onLink('link1')(entry) && entry.count === 1));
    await leaveTcpAlone();
  });

  it('that cannot be reached at all leave the tunnel to the others', async () => {
    await pair.a.child.stop();
    await pair.sites.link(1).set({ blackHole: true });
    await pair.a.start();
    await pair.a.waitForTunnel(({ state }) => state === 'up');
    await watches.a.waitFor('pathUnproven', onLink('link1'), 10_000);
    const { paths } = await pair.a.tunnel();
    assert.deepEqual(
      paths.filter(({ state }) => state === 'up').map(({ link }) => link),
      ['link0', 'link0'],
    );
    await pair.sites.link(1).set({ blackHole: false });
    await waitUntilUp(pair);
  });

  it('take no stranger: garbage, lies, unknown tickets and late answers have their answer and an entry', async () => {
    const request = requestWith(bytes(16), 0);
    const header = '42535459000000010000000a7fffffff';
    assert.deepEqual(await called(request), ['unknownPath']);
    assert.deepEqual(await called(zeroProof), ['malformed']);
    assert.deepEqual(await called(header), ['malformed']);
    assert.deepEqual(await called(encodeBundle(1, 77, bytes(4)).toHex()), ['malformed']);
    assert.deepEqual(await called(request + request), ['malformed']);
    assert.deepEqual(await called('42'), ['tooLate']);
    const refused = await watches.b.waitFor('peerRefused');
    assert.match(refused.evidence.reason, /no session has/);
    await assertHostsReach(pair.sites);
    for (const watch of Object.values(watches)) assert.deepEqual(await watch.of('pathDown'), []);
  });

  it('take no copy of a proof that was overheard, and stay', async () => {
    const file = join(pair.directory, 'proofs.pcap');
    const capture = await Capture.start(pair.sites.gatewayB, { interfaceName: 'wan0', file, filter: 'tcp' });
    await restartA();
    await waitUntilUp(pair);
    await capture.stop();
    const { stdout, stderr } = await attempt(pair.a.namespace, [program, 'decode', '--json', file]);
    assert.equal(stderr, '');
    const findings = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    assert.ok(findings.some(({ kind }) => kind === 'tls'));
    const said = (message: string) => findings.find((finding) => finding['message'] === message)!;
    const overheard = said('linkAuthenticateRequest');
    const request = requestWith(Uint8Array.fromHex(overheard['ticket']!), Number(overheard['pathId']));
    const proof = Uint8Array.fromHex(said('linkAuthenticateResponse')['proof']!);
    const response = encodeMessage(2, { type: 'linkAuthenticateResponse', proof }).toHex();
    const before = await JournalWatch.start(pair.b);
    assert.deepEqual(await called(request, response), ['linkAuthenticateChallenge', 'wrongAnswer']);
    assert.deepEqual(await called(request, request), ['linkAuthenticateChallenge', 'malformed']);
    assert.deepEqual(await called(request), ['linkAuthenticateChallenge', 'tooLate']);
    await before.waitFor('peerRefused', ({ evidence }) => /was wrong|in time/.test(evidence.reason), 12_000);
    await restartA();
    await waitUntilUp(pair);
    assert.deepEqual(await called(request, response), ['unknownPath'], 'of another session');
    assert.deepEqual(await before.of('pathDown'), []);
    await assertHostsReach(pair.sites);
  });

  it('are dropped when the far end answers wrongly, and come back under their number after half a minute', async () => {
    const words = [
      encodeMessage(1, { type: 'linkAuthenticateChallenge', challenge: bytes(32) }),
      encodeMessage(2, { type: 'linkAuthenticateResult', result: 'ok', proof: bytes(32) }),
    ];
    const liar = await pair.b.namespace.spawn(process.execPath, [
      scriptedPeer,
      'answer',
      `${FALSE_PORT}`,
      ...words.map((word) => word.toHex()),
    ]);
    await liar.waitFor(/listening/);
    await pair.b.namespace.nft(misleadTcp);
    await restartA();
    await pair.a.waitForTunnel(({ state }) => state === 'up');
    const unproven = await watches.a.waitFor('pathUnproven', onLink('link1'));
    assert.equal(unproven.evidence.outcome, 'wrongAnswer');
    const removed = await watches.b.waitFor('pathRemoved', ({ subject, evidence }) => {
      return subject.id === unproven.subject.id && /did not prove/.test(evidence.reason);
    });
    assert.ok(removed.count >= 1);
    await assertHostsReach(pair.sites);
    const links = async () => new Set((await pair.a.tunnel()).paths.map(({ link }) => link));
    assert.deepEqual(await links(), new Set(['link0']));
    await leaveTcpAlone();
    await liar.stop();
    const again = await watches.a.waitFor('pathProven', onLink('link1'), 40_000);
    assert.ok(Date.parse(again.at) - Date.parse(unproven.at) > 25_000);
    await pair.a.waitForTunnel(({ paths }) => paths.length === 4);
    await waitUntilUp(pair);
  });

  it('come back under their number with another address, proven anew', async () => {
    const numbers = async () =>
      (await pair.a.tunnel()).paths.filter(({ link }) => link === 'link1').map(({ id }) => id);
    const before = await numbers();
    const [old, other] = [outside(1, 1), outside(1, 11)];
    await pair.a.namespace.ip(`address del ${old.v4}/24 dev wan1`, `address del ${old.v6}/64 dev wan1`);
    for (const watch of Object.values(watches))
      await watch.waitFor('pathRemoved', ({ subject }) => before.includes(subject.id), 10_000);
    await pair.a.namespace.addAddresses('wan1', `${other.v4}/24`, `${other.v6}/64`);
    await watches.a.waitFor('pathProven', ({ evidence }) => evidence.local === other.v4, 10_000);
    await watches.b.waitFor('pathProven', ({ evidence }) => evidence.remote.startsWith(`${other.v4}:`));
    await pair.a.waitForTunnel(({ paths }) => paths.some(({ local }) => local === other.v4));
    await waitUntilUp(pair);
    assert.deepEqual(await numbers(), before);
    await assertHostsReach(pair.sites);
  });

  it('belong to the newer of two gateways with the same key, and the older is told until the newer leaves', async () => {
    const { fingerprint } = readIdentity(pair.b.files.identity);
    const second = await pair.a.namespace.spawn(process.execPath, [
      secondInitiator,
      there,
      '4500',
      here,
      pair.a.files.identity,
      fingerprint,
    ]);
    await second.waitFor(/opened/);
    const told = await watches.a.waitFor(
      'controlError',
      ({ evidence }) => evidence.code === 'BS_PEER_REFUSED',
      10_000,
    );
    assert.match(told.evidence.message, /another gateway with the same key/);
    await watches.b.waitFor('controlError', ({ evidence }) => /same key/.test(evidence.message));
    await sleep(1_500);
    assert.doesNotMatch(second.output, /ended/);
    await second.stop();
    await waitUntilUp(pair, 30_000);
    await assertHostsReach(pair.sites);
  });
});
