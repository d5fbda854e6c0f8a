import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describe } from './describe.ts';
import { type EventDetail, eventCatalogue, stampEvent } from './event.ts';
import { formatBytes, formatCount, formatMillis } from './quantity.ts';

const gateway = { type: 'gateway', name: 'lyon' } as const;
const link = { type: 'link', name: 'fibre' } as const;
const tunnel = { type: 'tunnel', name: 'head-office' } as const;
const path = { type: 'path', tunnel: 'head-office', id: 2, link: 'lte' } as const;
const peer = { type: 'peer', address: '198.51.100.7:4500' } as const;

const probe = {
  cause: 'providerDead',
  rule: 'most',
  rounds: 2,
  afterMillis: 12_000,
  holdMillis: 1_000,
  targets: [
    { target: 'icmp 192.0.2.1', sent: 3, answered: 0, reason: 'ENETUNREACH' },
    { target: 'neighbour next-hop', sent: 3, answered: 3, delayMillis: 0.6 },
  ],
  loadBps: 9_600_000,
} as const;

const golden: readonly [EventDetail, string][] = [
  [
    {
      kind: 'daemonStarted',
      subject: gateway,
      evidence: { version: '0.1.0', pid: 77, links: 2, tunnels: 1 },
    },
    'Gateway lyon started: version 0.1.0, process 77, 2 links, 1 tunnel.',
  ],
  [
    { kind: 'daemonStopping', subject: gateway, evidence: { reason: 'SIGTERM' } },
    'Gateway lyon is stopping: SIGTERM.',
  ],
  [
    { kind: 'networkApplied', subject: gateway, evidence: { changes: ['rule 1000 added', 'route added'] } },
    "Gateway lyon changed the machine's network: rule 1000 added, route added.",
  ],
  [
    { kind: 'networkTrouble', subject: gateway, evidence: { problems: ['a', 'b', 'c', 'd', 'e'] } },
    "Gateway lyon could not bring the machine's network to the wanted state: a, b, c, and 2 more.",
  ],
  [
    {
      kind: 'pathMtuChanged',
      subject: path,
      evidence: { before: 1500, after: 1200, reason: 'probes of this size were answered' },
    },
    'Path 2 of head-office over lte takes packets of up to 1200 bytes, 1500 before: probes of this size were answered.',
  ],
  [
    { kind: 'adoptedLeftovers', subject: gateway, evidence: { adopted: ['bs-head'], removed: [] } },
    'Gateway lyon found what an earlier run left: adopted bs-head; removed nothing.',
  ],
  [
    { kind: 'dataplaneRestarted', subject: gateway, evidence: { reason: 'exit code 1' } },
    'Gateway lyon restarted its packet worker: exit code 1.',
  ],
  [
    { kind: 'diskTrouble', subject: gateway, evidence: { path: '/state/journal.jsonl', reason: 'ENOSPC' } },
    'Gateway lyon cannot write /state/journal.jsonl: ENOSPC; the journal is kept in memory.',
  ],
  [
    {
      kind: 'diskRecovered',
      subject: gateway,
      evidence: { path: '/state/journal.jsonl', entriesWritten: 3, entriesLost: 1 },
    },
    'Gateway lyon can write /state/journal.jsonl again: 3 entries made up for, 1 entry lost.',
  ],
  [
    {
      kind: 'alarmReceiverFailed',
      subject: gateway,
      evidence: {
        receiver: 'webhook https://example.org',
        code: 'BS_ALARM_UNDELIVERED',
        message: 'no answer',
      },
    },
    'Gateway lyon cannot send alarms to webhook https://example.org: no answer.',
  ],
  [
    {
      kind: 'alarmReceiverRecovered',
      subject: gateway,
      evidence: { receiver: 'syslog', failedMillis: 62_000 },
    },
    'Gateway lyon can send alarms to syslog again, after 1 min 02 s.',
  ],
  [
    {
      kind: 'internetMoved',
      subject: gateway,
      evidence: {
        families: [4, 6],
        before: ['fibre', 'dsl'],
        after: ['lte'],
        reason: 'failed',
        links: [
          { link: 'fibre', tier: 1, state: 'down' },
          { link: 'dsl', tier: 1, state: 'gone' },
          { link: 'lte', tier: 2, state: 'good' },
        ],
        cut: ['fibre', 'dsl'],
        tookMillis: 140,
      },
    },
    'Gateway lyon moved the internet (IPv4 and IPv6) from fibre, dsl to lte in 140 ms: what carried before does not work; fibre (tier 1) is down, dsl (tier 1) is gone, lte (tier 2) is good; connections over fibre, dsl were cut off.',
  ],
  [
    {
      kind: 'internetMoved',
      subject: gateway,
      evidence: {
        families: [4],
        before: ['lte'],
        after: ['lte'],
        canary: { share: 0.1, links: ['fibre'] },
        reason: 'better',
        heldMillis: 30_000,
        links: [{ link: 'fibre', tier: 1, state: 'good' }],
        cut: [],
        tookMillis: 90,
      },
    },
    'Gateway lyon lets 10 % of new connections to the internet (IPv4) return to fibre: a better tier was good for 30 s; fibre (tier 1) is good.',
  ],
  [
    {
      kind: 'internetLost',
      subject: gateway,
      evidence: { families: [6], kept: ['lte'], links: [{ link: 'lte', tier: 2, state: 'down' }] },
    },
    'Gateway lyon has no link that works for the internet (IPv6), and keeps to lte: lte (tier 2) is down.',
  ],
  [
    { kind: 'linkDialled', subject: link, evidence: { reason: 'internet' } },
    'Link fibre is dialled: no better link carries plain traffic to the internet.',
  ],
  [
    {
      kind: 'linkDialled',
      subject: link,
      evidence: {
        reason: 'load',
        tunnel: 'head-office',
        forMillis: 10_000,
        usedBps: 17.3e6,
        capacityBps: 20e6,
        threshold: 0.8,
      },
    },
    'Link fibre is dialled: tunnel head-office uses 17 Mbit/s (87 %) of the 20 Mbit/s of its links, more than 80 % for 10 s.',
  ],
  [
    {
      kind: 'linkDialFailed',
      subject: link,
      evidence: {
        code: 'BS_DIAL_FAILED',
        message: '`/lte up` ended with status 7: NO CARRIER',
        retryMillis: 30_000,
      },
    },
    'Link fibre failed: BS_DIAL_FAILED `/lte up` ended with status 7: NO CARRIER; next attempt in 30 s.',
  ],
  [
    {
      kind: 'linkDialTryFailed',
      subject: link,
      evidence: {
        code: 'BS_DIAL_BUSY',
        message: 'The modem says BUSY, calling 0123.',
        try: 1,
        tries: 3,
        pauseMillis: 5_000,
      },
    },
    'Link fibre did not come up at try 1 of 3: BS_DIAL_BUSY The modem says BUSY, calling 0123; next try in 5 s.',
  ],
  [
    {
      kind: 'linkHungUp',
      subject: link,
      evidence: {
        reason: 'spare',
        tunnel: 'head-office',
        forMillis: 60_000,
        usedBps: 3e6,
        capacityBps: 10e6,
        threshold: 0.4,
        upMillis: 600_000,
      },
    },
    'Link fibre is hung up after 10 min 00 s: tunnel head-office uses 3 Mbit/s (30 %) of the 10 Mbit/s of the other links, less than 40 % for 1 min 00 s.',
  ],
  [
    {
      kind: 'hostileInput',
      subject: gateway,
      evidence: { counts: { unknownSpi: 12, replayed: 0, malformed: 3 } },
    },
    'Gateway lyon dropped input that is not from its peers: unknownSpi 12, malformed 3.',
  ],
  [
    {
      kind: 'linkUp',
      subject: link,
      evidence: { interface: 'eth1', addresses: ['192.0.2.2', '2001:db8::2'], nextHops: [] },
    },
    'Link fibre is up: 192.0.2.2, 2001:db8::2 on eth1, next hop none (on-link).',
  ],
  [
    {
      kind: 'linkDown',
      subject: link,
      evidence: { interface: 'eth1', reason: 'the next hop answers, nobody behind it does', probe },
    },
    'Link fibre is down: the next hop answers, nobody behind it does (eth1): icmp 192.0.2.1 0/3 (ENETUNREACH), neighbour next-hop 3/3 in 0.6 ms.',
  ],
  [
    {
      kind: 'linkDegraded',
      subject: link,
      evidence: { interface: 'eth1', reason: 'too many questions are lost: 24 % lost', probe },
    },
    'Link fibre is degraded: too many questions are lost: 24 % lost (eth1), while it carried 9.6 Mbit/s.',
  ],
  [
    {
      kind: 'linkUp',
      subject: link,
      evidence: { interface: 'eth1', addresses: ['192.0.2.2'], nextHops: [], probe },
    },
    'Link fibre is up again after 12 s: 2 good rounds, held back for 1 s; icmp 192.0.2.1 0/3 (ENETUNREACH), neighbour next-hop 3/3 in 0.6 ms (eth1).',
  ],
  [
    { kind: 'linkDown', subject: link, evidence: { interface: 'eth1', reason: 'no carrier' } },
    'Link fibre is down: no carrier (eth1).',
  ],
  [
    { kind: 'linkChanged', subject: link, evidence: { what: 'addresses', before: ['192.0.2.2'], after: [] } },
    'Link fibre has other addresses: 192.0.2.2 became none.',
  ],
  [
    { kind: 'tunnelConnecting', subject: tunnel, evidence: { remote: '198.51.100.1:4500', attempt: 3 } },
    'Tunnel head-office is connecting to 198.51.100.1:4500, attempt 3.',
  ],
  [
    {
      kind: 'tunnelUp',
      subject: tunnel,
      evidence: {
        remote: '198.51.100.1',
        fingerprint: 'SHA256:abc',
        interface: 'bs-head',
        mtu: 1418,
        generation: 1,
      },
    },
    'Tunnel head-office is up: bs-head (MTU 1418) to 198.51.100.1, key generation 1, peer SHA256:abc.',
  ],
  [
    { kind: 'tunnelDown', subject: tunnel, evidence: { reason: 'every path is down', upMillis: 7_500_000 } },
    'Tunnel head-office is down after 2 h 05 min: every path is down.',
  ],
  [
    { kind: 'tunnelRekeyed', subject: tunnel, evidence: { generation: 2, reason: 'one hour is over' } },
    'Tunnel head-office has new keys, generation 2: one hour is over.',
  ],
  [
    {
      kind: 'rekeyFailed',
      subject: tunnel,
      evidence: { generation: 3, reason: 'no answer', retryMillis: 10_000 },
    },
    'Tunnel head-office could not make keys of generation 3: no answer; next attempt in 10 s.',
  ],
  [
    { kind: 'pathAdded', subject: path, evidence: { local: '10.0.0.2:4500', remote: '198.51.100.1:4500' } },
    'Path 2 of head-office over lte was added: 10.0.0.2:4500 to 198.51.100.1:4500.',
  ],
  [
    { kind: 'pathRemoved', subject: path, evidence: { reason: 'the link has no address' } },
    'Path 2 of head-office over lte was removed: the link has no address.',
  ],
  [
    {
      kind: 'pathUp',
      subject: path,
      evidence: { local: '10.0.0.2:4500', remote: '198.51.100.1:4500', rttMillis: 41.2, downMillis: 3_200 },
    },
    'Path 2 of head-office over lte is up: 10.0.0.2:4500 to 198.51.100.1:4500, round trip 41 ms, after 3.2 s down.',
  ],
  [
    {
      kind: 'pathSuspect',
      subject: path,
      evidence: { unansweredProbes: 1, lastHeardMillis: 310, rttMillis: 0.42 },
    },
    'Path 2 of head-office over lte is suspect: 1 probe unanswered, last heard 310 ms ago, usual round trip 0.4 ms.',
  ],
  [
    {
      kind: 'pathDown',
      subject: path,
      evidence: { unansweredProbes: 4, oldestUnacknowledgedMillis: 812, lastHeardMillis: 950, rttMillis: 41 },
    },
    'Path 2 of head-office over lte is down: 4 probes unanswered, oldest packet unacknowledged for 812 ms, last heard 950 ms ago, usual round trip 41 ms.',
  ],
  [
    {
      kind: 'pathDemoted',
      subject: path,
      evidence: { withBps: 27e6, withoutBps: 92e6, bestBps: 100e6, pauseMillis: 30_000 },
    },
    'Path 2 of head-office over lte is left out for 30 s: the tunnel carried 27 Mbit/s with it and 92 Mbit/s without, its best path alone 100 Mbit/s.',
  ],
  [
    { kind: 'pathRestored', subject: path, evidence: {} },
    'Path 2 of head-office over lte takes its part again.',
  ],
  [
    {
      kind: 'pathCarrierChanged',
      subject: path,
      evidence: {
        before: 'udp',
        after: 'tcp',
        reason: 'nothing was answered by UDP',
        answeredTrials: 2,
        lastHeardMillis: 640,
      },
    },
    'Path 2 of head-office over lte is carried by tcp, no longer by udp: nothing was answered by UDP (2 trials answered, last heard by udp 640 ms ago).',
  ],
  [
    {
      kind: 'pathMoved',
      subject: path,
      evidence: { before: '203.0.113.5:4500', after: '203.0.113.9:61022' },
    },
    'Path 2 of head-office over lte has another remote address: 203.0.113.5:4500 became 203.0.113.9:61022.',
  ],
  [
    { kind: 'pathProven', subject: path, evidence: { local: '10.0.0.2', remote: '198.51.100.1:4500' } },
    'Path 2 of head-office over lte was proven over TCP: 10.0.0.2 to 198.51.100.1:4500.',
  ],
  [
    {
      kind: 'pathUnproven',
      subject: path,
      evidence: {
        local: '10.0.0.2',
        remote: '198.51.100.1:4500',
        outcome: 'timeout',
        reason: 'nothing answered in time; it works by UDP alone',
      },
    },
    'Path 2 of head-office over lte was not proven over TCP from 10.0.0.2 to 198.51.100.1:4500: nothing answered in time; it works by UDP alone.',
  ],
  [
    {
      kind: 'peerRefused',
      subject: peer,
      evidence: { reason: 'its key is not configured', fingerprint: 'SHA256:x' },
    },
    'Peer 198.51.100.7:4500 was refused: its key is not configured (key SHA256:x).',
  ],
  [
    { kind: 'controlError', subject: tunnel, evidence: { code: 'BS_X', message: 'the message is too long' } },
    'Tunnel head-office failed on the control channel: BS_X the message is too long.',
  ],
];

test('every kind has its sentence', () => {
  for (const [detail, sentence] of golden)
    assert.equal(describe(stampEvent(detail, '2026-11-20T12:00:00.000Z')), sentence);
  const kinds = new Set(golden.map(([detail]) => detail.kind));
  assert.deepEqual([...kinds].sort(), Object.keys(eventCatalogue).sort());
});

test('what a stranger sent cannot steer the terminal', () => {
  const event = stampEvent(
    { kind: 'peerRefused', subject: peer, evidence: { reason: 'name "\u001b[2J\n\u202e"' } },
    '2026-11-20T12:00:00.000Z',
  );
  assert.equal(describe(event), 'Peer 198.51.100.7:4500 was refused: name "?[2J??".');
});

test('figures have a unit and at most three digits', () => {
  const millis: [number, string][] = [
    [0, '0 ms'],
    [0.42, '0.4 ms'],
    [9.96, '10 ms'],
    [999.4, '999 ms'],
    [999.6, '1 s'],
    [3_210, '3.2 s'],
    [59_400, '59 s'],
    [59_600, '1 min 00 s'],
    [3_599_600, '1 h 00 min'],
    [90_000_000, '1 d 1 h'],
    [Number.NaN, 'unknown'],
    [-5, '-5 ms'],
  ];
  for (const [value, text] of millis) assert.equal(formatMillis(value), text);
  assert.deepEqual([0, 512, 1_000, 1_536, 10 * 1024 ** 2, 3 * 1024 ** 4].map(formatBytes), [
    '0 B',
    '512 B',
    '1 KiB',
    '1.5 KiB',
    '10 MiB',
    '3 TiB',
  ]);
  assert.deepEqual([0, 950, 999.6, 12_345, 4_000_000].map(formatCount), ['0', '950', '1 k', '12 k', '4 M']);
});
