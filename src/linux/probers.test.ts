/** Probers of every kind through the real kernel, over the loopback interface of a network of the test's own. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, describe, it, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type IpAddress, parseIpAddress } from '../network/ip-address.ts';
import { type AskedByPackets, openProber } from './open-prober.ts';
import { enterPrivateNetwork } from './private-network.ts';
import type { ProbeWay } from './probe-socket.ts';
import { PendingQuestions, type ProbeAnswer, type Prober } from './prober.ts';

const root = process.getuid?.() === 0;
const options = { skip: !root && 'binding to an interface needs root' };
if (root) {
  enterPrivateNetwork();
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
}

const address = (text: string): IpAddress => parseIpAddress(text) ?? assert.fail(text);
const [four, six] = [address('127.0.0.1'), address('::1')];
const way: ProbeWay = {
  interface: 'lo',
  interfaceIndex: 1,
  mark: 7,
  families: [
    { family: 4, address: four, gateway: address('127.0.0.9') },
    { family: 6, address: six, gateway: undefined },
  ],
};
const TIMEOUT_MILLIS = 300;

async function answersOf(prober: Prober, wanted: number): Promise<ProbeAnswer[]> {
  const answers: ProbeAnswer[] = [];
  const deadline = performance.now() + TIMEOUT_MILLIS + 200;
  while (answers.length < wanted && performance.now() < deadline) {
    await sleep(5);
    answers.push(...prober.collect());
  }
  return answers;
}

async function probe(target: AskedByPackets, questions = [1, 2, 65_535]): Promise<ProbeAnswer[]> {
  const prober = openProber(way, target, TIMEOUT_MILLIS);
  try {
    for (const question of questions) assert.equal(prober.ask(question), 'asked');
    return (await answersOf(prober, questions.length)).toSorted(
      (one, other) => one.question - other.question,
    );
  } finally {
    prober.close();
  }
}

function assertAnswered(answers: readonly ProbeAnswer[]): void {
  assert.deepEqual(
    answers.map(({ question }) => question),
    [1, 2, 65_535],
  );
  for (const answer of answers)
    assert.ok(
      'delayMillis' in answer && answer.delayMillis >= 0 && answer.delayMillis < 100,
      JSON.stringify(answer),
    );
}

describe('probers', options, () => {
  const tcp = createServer((socket) => socket.on('error', () => {}).end());
  const http = createHttpServer((request, answer) =>
    answer.writeHead(request.url === '/alive' ? 200 : 302).end(),
  );
  const dns = createSocket('udp4');
  let code = 0x8180;
  const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
  before(async () => {
    dns.on('message', (message, { port }) => {
      // First a stranger's, with another number: it must not count.
      const forged = Buffer.from(message);
      forged.writeUInt16BE(message.readUInt16BE(0) ^ 1, 0);
      const answer = Buffer.from(message);
      for (const bytes of [forged, answer]) bytes.writeUInt16BE(code, 2);
      dns.send(forged, port, '127.0.0.1', () => dns.send(answer, port, '127.0.0.1'));
    });
    await new Promise<void>((done) => tcp.listen(0, '127.0.0.1', done));
    await new Promise<void>((done) => http.listen(0, '::1', done));
    await new Promise<void>((done) => dns.bind(0, '127.0.0.1', done));
  });
  after(() => {
    tcp.close();
    http.close();
    dns.close();
  });

  for (const target of [four, six])
    it(`get echoes from ${target.text}`, async () =>
      assertAnswered(await probe({ kind: 'icmp', address: target })));

  it('do not take the echoes of each other for theirs', async () => {
    const target = { kind: 'icmp', address: four } as const;
    const [asking, other] = [
      openProber(way, target, TIMEOUT_MILLIS),
      openProber(way, target, TIMEOUT_MILLIS),
    ];
    asking.ask(5);
    assert.equal((await answersOf(asking, 1)).length, 1);
    assert.deepEqual(other.collect(), []);
    asking.close();
    other.close();
  });

  it('connect, and count a refusal as an answer', async () => {
    assertAnswered(await probe({ kind: 'tcp', place: { address: four, port: portOf(tcp) } }));
    assertAnswered(await probe({ kind: 'tcp', place: { address: four, port: 1 } }));
  });

  it('fetch pages, of which only a good status counts', async () => {
    const place = { address: six, port: portOf(http) };
    assertAnswered(await probe({ kind: 'http', place, path: '/alive' }));
    assert.deepEqual(await probe({ kind: 'http', place, path: '/portal' }, [1]), [
      { question: 1, failure: 'HTTP status 302' },
    ]);
    assert.deepEqual(await probe({ kind: 'http', place: { address: six, port: 1 }, path: '/' }, [1]), [
      { question: 1, failure: 'ECONNREFUSED' },
    ]);
  });

  it('ask a name server, and believe nobody else', async () => {
    const target = {
      kind: 'dns',
      server: { address: four, port: portOf(dns) },
      name: 'example.org',
    } as const;
    assertAnswered(await probe(target));
    code = 0x8182;
    assert.deepEqual(await probe(target, [1]), [{ question: 1, failure: 'DNS code 2' }]);
  });

  it('have no next hop to ask where the interface knows none', () => {
    const prober = openProber(way, { kind: 'neighbour' }, TIMEOUT_MILLIS);
    assert.equal(prober.ask(1), 'absent');
    prober.close();
  });

  it('count what came in time, though nobody looked for long', () => {
    for (const target of [
      { kind: 'icmp', address: four },
      { kind: 'tcp', place: { address: four, port: portOf(tcp) } },
    ] as const) {
      const prober = openProber(way, target, TIMEOUT_MILLIS);
      // The kernel begins to stamp arrivals some time after the first socket wants it; what came before bears the time at
      // which it is read (net_enable_timestamp). The first answers may therefore be too late, but not all.
      const answers = [1, 2, 3, 4, 5].flatMap((question) => {
        prober.ask(question);
        // As a daemon that was stopped and goes on.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TIMEOUT_MILLIS + 100);
        return prober.collect();
      });
      assert.ok(
        answers.some((answer) => 'delayMillis' in answer && answer.delayMillis < TIMEOUT_MILLIS),
        `${target.kind}: ${JSON.stringify(answers)}`,
      );
      prober.close();
    }
  });

  it('say why a question cannot be asked', async () => {
    const target = { kind: 'icmp', address: address('2001:db8::1') } as const;
    assert.deepEqual(await probe(target, [1]), [{ question: 1, failure: 'ENETUNREACH' }]);
  });

  it('refuse a way that is not there', () => {
    const target = { kind: 'icmp', address: four } as const;
    assert.throws(() => openProber({ ...way, interface: 'no-such-one' }, target, 100), {
      code: 'BS_LINK_UNUSABLE',
    });
    const families = [{ family: 4, address: address('192.0.2.7'), gateway: undefined }] as const;
    assert.throws(() => openProber({ ...way, families }, target, 100), { code: 'BS_ADDRESS_UNAVAILABLE' });
  });

  it('leave no descriptor open, whether they were answered or not', async (context) => {
    const open = () => readdirSync('/proc/self/fd').length;
    // The servers' ends of earlier questions are closed when this process comes round to it.
    await until(async () => (await connectionsOf(tcp)) + (await connectionsOf(http)) === 0);
    const before = open();
    await probe({ kind: 'tcp', place: { address: four, port: portOf(tcp) } });
    await probe({ kind: 'dns', server: { address: four, port: 9 }, name: 'a' }, [1, 2]);
    await until(async () => (await connectionsOf(tcp)) === 0);
    const silent = createSocket('udp4');
    context.after(() => silent.close());
    await new Promise<void>((done) => silent.bind(0, '127.0.0.1', done));
    const place = { address: four, port: (silent.address() as AddressInfo).port };
    const prober = openProber(way, { kind: 'dns', server: place, name: 'a' }, 50);
    for (const question of [1, 2, 3]) prober.ask(question);
    await sleep(80);
    prober.collect();
    assert.equal(open() - before, 1, 'the silent server only: what is too late is closed');
    prober.ask(4);
    prober.close();
    assert.equal(open() - before, 1, 'and so is what nobody waits for any more');
  });
});

describe('the next hop', options, () => {
  let neighbour: ChildProcess;
  let ways: Record<4 | 6, ProbeWay>;
  const inside = (...words: string[]) => ['-t', String(neighbour.pid), '-n', ...words];
  before(async () => {
    neighbour = spawn('unshare', ['-n', 'sleep', '60']);
    // The namespace is there when its loopback is another than ours.
    await until(() =>
      execFileSync('nsenter', inside('ip', '-o', 'link'))
        .toString()
        .includes('state DOWN'),
    );
    const ip = (words: string) => execFileSync('ip', words.split(' '));
    ip(`link add seg0 type veth peer name seg0 netns ${neighbour.pid}`);
    for (const words of [
      'addr add 10.9.0.1/24 dev seg0',
      'addr add fd09::1/64 dev seg0 nodad',
      'link set seg0 up',
    ])
      ip(words);
    for (const words of [
      'addr add 10.9.0.2/24 dev seg0',
      'addr add fd09::2/64 dev seg0 nodad',
      'link set seg0 up',
    ])
      execFileSync('nsenter', inside('ip', ...words.split(' ')));
    const interfaceIndex = Number(
      readFileSync('/proc/net/dev_mcast', 'latin1').match(/^(\d+)\s+seg0\s/m)?.[1],
    );
    const base = { interface: 'seg0', interfaceIndex, mark: 7 };
    ways = {
      4: { ...base, families: [{ family: 4, address: address('10.9.0.1'), gateway: address('10.9.0.2') }] },
      6: { ...base, families: [{ family: 6, address: address('fd09::1'), gateway: address('fd09::2') }] },
    };
  });
  after(() => {
    execFileSync('ip', ['link', 'del', 'seg0']);
    neighbour.kill();
  });

  for (const family of [4, 6] as const) {
    it(`answers, and only while it is there (IPv${family})`, async () => {
      const prober = openProber(ways[family], { kind: 'neighbour' }, TIMEOUT_MILLIS);
      await until(() => {
        prober.ask(0);
        return prober.collect().length > 0;
      });
      prober.ask(1);
      const [answer] = await answersOf(prober, 1);
      assert.ok(answer !== undefined && 'delayMillis' in answer && answer.question === 1);
      execFileSync('nsenter', inside('ip', 'addr', 'flush', 'dev', 'seg0'));
      prober.ask(2);
      assert.deepEqual(await answersOf(prober, 1), []);
      prober.close();
      for (const words of ['10.9.0.2/24 dev seg0', 'fd09::2/64 dev seg0 nodad'])
        execFileSync('nsenter', inside('ip', 'addr', 'replace', ...words.split(' ')));
    });
  }

  it('is heard however much others have asked meanwhile', async () => {
    const prober = openProber(ways[4], { kind: 'neighbour' }, TIMEOUT_MILLIS);
    // A segment full of questions to others: more than the socket keeps.
    const script = `
      import { spawnSync } from 'node:child_process';
      for (let host = 3; host < 250; host++) spawnSync('ping', ['-c1', '-W0.001', '10.9.0.' + host]);`;
    const asking = spawn('nsenter', inside(process.execPath, '--input-type=module', '-e', script));
    await new Promise((done) => asking.once('exit', done));
    prober.ask(1);
    assert.equal((await answersOf(prober, 1)).length, 1);
    prober.close();
  });
});

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
  );
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await isSo())) {
    assert.ok(performance.now() < deadline, 'it takes too long');
    await sleep(20);
  }
}

test('a delay that cannot be is not believed: the wall clock was set', () => {
  const pending = new PendingQuestions<undefined>(1_000);
  pending.add(1, undefined);
  pending.add(2, undefined);
  for (const [question, stamp] of [
    [1, Date.now() - 3_600_000],
    [2, Date.now() + 3_600_000],
  ] as const) {
    const [answer] = pending.answer(question, stamp);
    assert.ok(
      answer !== undefined && 'delayMillis' in answer && answer.delayMillis >= 0 && answer.delayMillis < 100,
    );
  }
});
