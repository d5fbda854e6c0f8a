import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { checkConfig, formatMistake, type ProbeConfig, parseProbeTrial } from './index.ts';

function check(probe: string, link = '') {
  const text = `gateway: { name: nantes, identity: /i.pem }
links:
  fibre: { interface: eth1${link}, probe: ${probe} }
  lte: { interface: wwan0, address: 198.51.100.9 }
tunnels: {}
`;
  return checkConfig(text, 'f');
}

function probeOf(probe: string): ProbeConfig {
  const checked = check(probe);
  if (!checked.ok) assert.fail(checked.mistakes.map(formatMistake).join('\n'));
  return checked.config.links[0]?.probe ?? assert.fail('no probe');
}

function mistakes(probe: string, link = ''): string[] {
  const checked = check(probe, link);
  return checked.ok ? [] : checked.mistakes.map(({ path, message }) => `${path}: ${message}`);
}

test('a probe needs nothing but targets; the defaults act upon silence within 5 s', () => {
  const { targets, ...rest } = probeOf('{ targets: [{ icmp: 192.0.2.1 }] }');
  assert.equal(targets.length, 1);
  assert.deepEqual(rest, {
    rule: 'most',
    count: 3,
    answers: 1,
    everyMillis: 200,
    timeoutMillis: 800,
    intervalMillis: 500,
    retries: 1,
    recover: 3,
    holdMillis: 1_000,
    holdMostMillis: 300_000,
    calmMillis: 600_000,
    lossAbove: 0.2,
    lossBelow: 0.05,
    delay: undefined,
  });
  // Cut right after the only answer of a round: the rest of that round, and two bad ones.
  const { count, everyMillis, timeoutMillis, intervalMillis, retries } = rest;
  const roundMillis = (count - 1) * everyMillis + timeoutMillis;
  assert.ok(roundMillis + (retries + 1) * (intervalMillis + roundMillis) < 5_000);
});

test('every kind of target is read', () => {
  const { targets } = probeOf(
    '{ targets: [{ icmp: "2001:db8::1" }, { tcp: "192.0.2.1:443" }, { dns: 192.0.2.53, name: example.org }, ' +
      '{ http: "http://[2001:db8::80]:8080/alive?x=1" }, { http: "http://192.0.2.80" }, { neighbour: next-hop }] }',
  );
  assert.deepEqual(
    targets.map((target) => {
      if (target.kind === 'icmp') return [target.kind, target.address.text];
      if (target.kind === 'dns')
        return [target.kind, target.server.address.text, target.server.port, target.name];
      if (target.kind === 'neighbour' || target.kind === 'tunnel') return [target.kind];
      const path = target.kind === 'http' ? [target.path] : [];
      return [target.kind, target.place.address.text, target.place.port, ...path];
    }),
    [
      ['icmp', '2001:db8::1'],
      ['tcp', '192.0.2.1', 443],
      ['dns', '192.0.2.53', 53, 'example.org'],
      ['http', '2001:db8::80', 8080, '/alive?x=1'],
      ['http', '192.0.2.80', 80, '/'],
      ['neighbour'],
    ],
  );
});

test('delay-below follows delay-above unless it is given', () => {
  const targets = 'targets: [{ icmp: 192.0.2.1 }]';
  assert.deepEqual(probeOf(`{ ${targets}, delay-above: 200ms }`).delay, {
    aboveMillis: 200,
    belowMillis: 160,
  });
  assert.equal(probeOf(`{ ${targets}, delay-above: 200ms, delay-below: 50ms }`).delay?.belowMillis, 50);
});

describe('what does not fit is told', () => {
  const at = 'links.fibre.probe';
  const one = (target: string) => `{ targets: [${target}] }`;
  const cases: [string, string, string?][] = [
    [
      one('{ icmp: 192.0.2.1, tcp: "192.0.2.1:1" }'),
      `${at}.targets[0]: has icmp and tcp, must have one of icmp, tcp, dns, http, neighbour, tunnel`,
    ],
    [
      one('{}'),
      `${at}.targets[0]: has nobody to ask, must have one of icmp, tcp, dns, http, neighbour, tunnel`,
    ],
    [
      one('{ dns: 192.0.2.1 }'),
      `${at}.targets[0]: has no name to ask the DNS server for, must have name beside dns`,
    ],
    [one('{ icmp: 192.0.2.1, name: a }'), `${at}.targets[0].name: is for dns only, must be left out`],
    [
      one('{ icmp: 192.0.2.1 }, { icmp: 192.0.2.1 }'),
      `${at}.targets[1]: is in the list already, allowed once`,
    ],
    [
      one('{ tcp: "198.51.100.9:443" }'),
      `${at}.targets[0].tcp: is 198.51.100.9, which is this gateway's own (link lte), must be an address of another machine`,
    ],
    [
      one('{ icmp: "2001:db8::1" }'),
      `${at}.targets[0].icmp: is 2001:db8::1, but the link has no IPv6 address, must be IPv4, or the link's address auto`,
      ', address: 192.0.2.10',
    ],
    [
      one('{ icmp: 127.0.0.1 }'),
      `${at}.targets[0].icmp: is "127.0.0.1", which is one of the loopback addresses, must be`,
    ],
    [
      one('{ tcp: 192.0.2.1 }'),
      `${at}.targets[0].tcp: is "192.0.2.1", which has no port, must be an address with a port`,
    ],
    [
      one('{ http: "https://192.0.2.1/" }'),
      `${at}.targets[0].http: is "https://192.0.2.1/", which needs TLS, must be`,
    ],
    [
      one('{ http: "http://example.org/" }'),
      `${at}.targets[0].http: is "http://example.org/", which has a name, not an address`,
    ],
    [
      '{ targets: [{ icmp: 192.0.2.1 }], answers: 4 }',
      `${at}.answers: is 4, must be at most count, which is 3`,
    ],
    ['{ targets: [{ icmp: 192.0.2.1 }], loss-above: 5% }', `${at}.loss-below: must be less than loss-above`],
    [
      '{ targets: [{ icmp: 192.0.2.1 }], delay-below: 5ms }',
      `${at}.delay-below: is of no use alone, must stand beside delay-above`,
    ],
    [
      '{ targets: [{ icmp: 192.0.2.1 }], delay-above: 5ms, delay-below: 5ms }',
      `${at}.delay-below: must be less than delay-above`,
    ],
    ['{ targets: [{ icmp: 192.0.2.1 }], hold: 10m }', `${at}.hold: must not be more than hold-most`],
    [one('{ tunnel: Head }'), `${at}.targets[0].tunnel: is "Head", must be`],
    ['{ targets: [] }', `${at}.targets: is an empty list`],
    ['{}', `${at}.targets: is missing`],
  ];
  for (const [probe, expected, link] of cases) {
    it(expected, () => {
      const found = mistakes(probe, link);
      assert.ok(found.length === 1 && found[0]?.startsWith(expected), found.join('\n'));
    });
  }
});

test('other settings for a trial are read as in the configuration, and leave the rest as it is', () => {
  const config = probeOf('{ targets: [{ icmp: 192.0.2.1 }] }');
  const trial = parseProbeTrial({
    retries: '4',
    interval: '2s',
    'loss-above': '3%',
    'delay-above': '100ms',
    rule: 'all',
  });
  assert.ok(trial.ok);
  assert.deepEqual(trial.apply(config), {
    ...config,
    retries: 4,
    intervalMillis: 2_000,
    lossAbove: 0.03,
    lossBelow: 0.03,
    rule: 'all',
    delay: { aboveMillis: 100, belowMillis: 80 },
  });
  assert.deepEqual(parseProbeTrial({ retries: 'many' }), {
    ok: false,
    place: 'retries',
    message: 'retries is "many", must be a whole number from 0 to 100.',
  });
});

describe('a tunnel as a target', () => {
  const checked = (target: string, links = '') =>
    checkConfig(
      `gateway: { name: nantes, identity: /i.pem }
links:
  fibre: { interface: eth1, probe: { targets: [${target}] } }
  lte: { interface: wwan0 }
tunnels:
  head:
    peer: { fingerprint: "SHA256:${'A'.repeat(43)}", addresses: [198.51.100.1] }
    address: [10.255.0.2/30]
    networks: [10.1.0.0/16]${links}
`,
      'f',
    );
  const found = (target: string, links?: string) => {
    const { ok, ...rest } = checked(target, links);
    return ok ? [] : 'mistakes' in rest ? rest.mistakes.map(formatMistake) : [];
  };

  it('is read, over a link that it names or with all of them', () => {
    for (const links of ['', '\n    links: [fibre]']) {
      const { ok, ...rest } = checked('{ tunnel: head }', links);
      assert.ok(ok && 'config' in rest, found('{ tunnel: head }', links).join('\n'));
      assert.deepEqual(rest.config.links[0]?.probe?.targets, [{ kind: 'tunnel', tunnel: 'head' }]);
    }
  });

  it('must exist, use the link, and be there once; each is told with its place', () => {
    const at = 'links.fibre.probe.targets';
    assert.deepEqual(found('{ tunnel: haed }'), [
      `f:3:58 ${at}[0].tunnel: "haed" is not a tunnel (did you mean "head"?), allowed: head`,
    ]);
    assert.deepEqual(found('{ tunnel: head }', '\n    links: [lte]'), [
      `f:3:58 ${at}[0].tunnel: is head, which does not use link fibre but lte, must be a tunnel over this link`,
    ]);
    assert.deepEqual(found('{ tunnel: head }, { tunnel: head }'), [
      `f:3:66 ${at}[1]: is in the list already, allowed once`,
    ]);
    assert.deepEqual(found('{ icmp: 10.1.0.5 }'), [
      `f:3:56 ${at}[0].icmp: is 10.1.0.5, which lies in 10.1.0.0/16 behind the peer of tunnel head, must be an address that the link itself reaches, or the target tunnel`,
    ]);
    assert.equal(found('{ tunnel: head, icmp: 192.0.2.1 }').length, 1);
  });
});
