import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { linkFixture, trialFixture } from '../../test/fixtures/link-source.ts';
import { statusFixture } from '../../test/fixtures/status.ts';
import { Journal } from '../journal/journal.ts';
import { formatEntry } from './event-text.ts';
import { formatLink, formatTrial } from './link-text.ts';
import { formatStatus } from './status-text.ts';
import { colours, noColours } from './terminal.ts';

const golden = (name: string) => readFileSync(new URL(`../../test/golden/${name}`, import.meta.url), 'utf8');

test('status reads as in the golden text', () => {
  assert.equal(formatStatus(statusFixture, noColours), golden('status.txt'));
});

test('a modem that is dialled shows how far it is, and a line that is up its name servers', () => {
  const { time } = statusFixture;
  const base = { name: 'modem', interface: 'ppp0', nextHops: [] };
  const onDemand = { since: time, reason: 'no other link carries tunnel office for 5 s' };
  const dial = { phase: 'calling', try: 2, tries: 3 } as const;
  const dialled = {
    ...base,
    state: 'down',
    addresses: [],
    onDemand: { ...onDemand, state: 'dialling', dial },
  } as const;
  const up = {
    ...base,
    state: 'up',
    addresses: ['10.64.0.2'],
    dns: ['192.0.2.53', '192.0.2.54'],
    onDemand: { ...onDemand, state: 'up' },
  } as const;
  const text = formatStatus({ ...statusFixture, links: [dialled, up] }, noColours);
  assert.match(text, /modem {2}dialling .*\(calling, try 2 of 3, for 0 ms: no other link carries/);
  assert.match(text, /modem {2}up .* on-link +DNS 192\.0\.2\.53 192\.0\.2\.54 \(for 0 ms: no other/);
});

test('colours change nothing but the colours', () => {
  const coloured = formatStatus(statusFixture, colours);
  assert.notEqual(coloured, golden('status.txt'));
  assert.equal(stripVTControlCharacters(coloured), golden('status.txt'));
});

test('a gateway without tunnels says so', () => {
  assert.match(formatStatus({ ...statusFixture, tunnels: [] }, noColours), /No tunnels are configured\.\n$/);
});

test('who carries plain traffic is one line for each family', () => {
  const since = new Date(Date.parse(statusFixture.time) - 12_000).toISOString();
  const internet = {
    families: [
      {
        family: 4,
        carriers: [
          { link: 'fibre', tier: 1, share: 0.75 },
          { link: 'dsl', tier: 1, share: 0.25 },
        ],
        since,
        reason: 'a better tier was good',
        isLost: false,
      },
      {
        family: 6,
        carriers: [{ link: 'lte', tier: 2, share: 1 }],
        canary: { share: 0.1, links: ['fibre'] },
        reason: 'the operator said so',
        isLost: false,
      },
    ],
    chosen: 'lte',
  } as const;
  const text = formatStatus({ ...statusFixture, internet }, noColours);
  const chosen = ', link lte is chosen by the operator';
  assert.ok(
    text.includes(
      `\nInternet (IPv4) is carried by fibre (75 %), dsl (25 %) for 12 s: a better tier was good${chosen}\n` +
        `Internet (IPv6) is carried by lte: the operator said so; 10 % of new connections go over fibre first${chosen}\n`,
    ),
    text,
  );
  const none = formatStatus({ ...statusFixture, internet: { families: [] } }, noColours);
  assert.match(none, /\nInternet is carried by no link\n/);
});

test('a link that is explained, and one that is tried, read as in the golden text', () => {
  const text = formatLink(linkFixture, noColours) + formatTrial(trialFixture, noColours);
  assert.equal(text, golden('link.txt'));
  const coloured = formatLink(linkFixture, colours) + formatTrial(trialFixture, colours);
  assert.equal(stripVTControlCharacters(coloured), golden('link.txt'));
});

test('a link that is not probed says so', () => {
  const { probe: _, ...link } = linkFixture.link;
  const text = formatLink({ time: linkFixture.time, link }, noColours);
  assert.match(text, /^Link fibre is up\n.*\n {2}probe +none is configured/);
});

test('events read as in the golden text', () => {
  const journal = new Journal();
  const path = { type: 'path', tunnel: 'head-office', id: 2, link: 'lte' } as const;
  const link = { type: 'link', name: 'lte' } as const;
  const gateway = { type: 'gateway', name: 'lyon' } as const;
  journal.record(
    {
      kind: 'daemonStarted',
      subject: gateway,
      evidence: { version: '0.1.0', pid: 4711, links: 2, tunnels: 2 },
    },
    '2026-11-18T09:55:00.000Z',
  );
  for (const second of [0, 4, 8])
    journal.record(
      {
        kind: 'pathDown',
        subject: path,
        evidence: { unansweredProbes: 3 + second, lastHeardMillis: 950, rttMillis: 41 },
      },
      `2026-11-20T11:58:5${second % 10}.500Z`,
    );
  journal.record(
    { kind: 'linkDown', subject: link, evidence: { interface: 'wwan0', reason: 'no carrier' } },
    '2026-11-20T11:59:00.120Z',
  );
  const text = journal.since(0).map((entry) => formatEntry(entry, noColours));
  assert.equal(text.join(''), golden('events.txt'));
});

test('an entry of a kind that only a newer daemon knows is shown as it is', () => {
  const entry = {
    ...new Journal().record(
      { kind: 'daemonStopping', subject: { type: 'gateway', name: 'lyon' }, evidence: { reason: 'SIGTERM' } },
      '2026-11-20T12:00:00.000Z',
    ),
    kind: 'linkDreaming',
  };
  assert.equal(
    formatEntry(entry as never, noColours),
    '2026-11-20 12:00:00.000Z  notice   linkDreaming {"type":"gateway","name":"lyon"} {"reason":"SIGTERM"}\n',
  );
});
