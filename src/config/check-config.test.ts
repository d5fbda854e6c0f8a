import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkConfig, formatMistake } from './index.ts';

/** Every NAME.yaml of the corpus has its mistakes, all of them and in order, in NAME.mistakes beside it. */
const corpus = new URL('../../test/corpus/config/', import.meta.url);

const valid = 'gateway: {name: lyon, identity: /etc/id.pem}\nlinks: {fibre: {interface: eth1}}\n';

function mistakesOf(text: string, fileName = 'f.yaml'): string[] {
  const checked = checkConfig(text, fileName);
  return checked.ok ? [] : checked.mistakes.map(formatMistake);
}

for (const name of readdirSync(corpus).filter((entry) => entry.endsWith('.yaml'))) {
  test(`the mistakes of ${name} are all told at their places`, () => {
    const text = readFileSync(new URL(name, corpus), 'utf8');
    const golden = new URL(name.replace('.yaml', '.mistakes'), corpus);
    const told = `${mistakesOf(text, name).join('\n')}\n`;
    // UPDATE_GOLDEN=1 takes the present texts over; read the difference before committing it.
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, told);
    assert.equal(told, readFileSync(golden, 'utf8'));
    assert.notEqual(told, '\n', 'a file without mistakes belongs into examples/');
  });
}

test('a file that is no configuration at all gets one clear mistake', () => {
  const table: [text: string, mistake: RegExp][] = [
    ['\0\x01\x02', /^f\.yaml:1:1 the file is not a text file: it holds the character U\+0000$/],
    [`${valid}x: "\ud800"`, /^f\.yaml:3:5 the file is not a text file: it holds the character U\+D800$/],
    [
      `${valid}#${'x'.repeat(1 << 20)}`,
      /^f\.yaml:1:1 the file is larger than 1 MiB, which no configuration needs$/,
    ],
    ['['.repeat(20_000), /^f\.yaml:1:1 the file has lists or maps nested too deeply, /],
    [`links:${' {a:'.repeat(20_000)}`, /^f\.yaml:1:1 the file has lists or maps nested too deeply, /],
    [
      '7',
      /^f\.yaml:1:1 the file is 7, must be a map with gateway, links and, where wanted, internet and tunnels$/,
    ],
    ['null', /^f\.yaml:1:1 the file is empty, must be a map/],
    [
      '---\n...\n',
      /^f\.yaml:1:4 the file is empty, must be a map|^f\.yaml:1:1 the file is empty, must be a map/,
    ],
  ];
  for (const [text, mistake] of table) {
    const told = mistakesOf(text);
    assert.equal(told.length, 1, told.join('\n'));
    assert.match(told[0] ?? '', mistake);
  }
});

test('what aliases multiply to is limited in number and in time', () => {
  const text = readFileSync(new URL('multiplying-aliases.yaml', corpus), 'utf8');
  const started = process.cpuUsage();
  const told = mistakesOf(text);
  const spent = process.cpuUsage(started);
  assert.deepEqual(told, [
    'f.yaml:8:14 the file has aliases that multiply to more than 10000 values, write them out',
  ]);
  // Written out, the file would have some 500,000 values; the limit keeps it to a few milliseconds.
  assert.ok(spent.user + spent.system < 5_000_000, `${spent.user} µs`);
});

test('of very many mistakes the first hundred are told, and how many more there are', () => {
  const told = mistakesOf(
    `${valid}${Array.from({ length: 250 }, (_, index) => `key${index}: 1\n`).join('')}`,
  );
  assert.equal(told.length, 101);
  assert.match(told[99] ?? '', /^f\.yaml:102:1 key99: is not a setting/);
  assert.equal(told[100], 'f.yaml:102:1 and 150 more mistakes from here on');
});

test('big configurations are checked in time that grows with their size', () => {
  const tunnel = (index: number) => {
    const fingerprint = `SHA256:${String(index).padStart(42, 'A')}A`;
    const third = `${index >> 8}.${index & 255}`;
    return `  t${index}: {peer: {fingerprint: "${fingerprint}", addresses: 198.18.${third}}, networks: [10.${third}.0/24]}\n`;
  };
  const links = Array.from({ length: 500 }, (_, index) => `  l${index}: {interface: e${index}}\n`);
  const tunnels = Array.from({ length: 1000 }, (_, index) => tunnel(index));
  const text = `gateway: {name: hub, identity: /x}\nlinks:\n${links.join('')}tunnels:\n${tunnels.join('')}`;
  const checked = checkConfig(text, 'f.yaml');
  assert.ok(checked.ok, mistakesOf(text).join('\n'));
  assert.equal(checked.config.tunnels.length, 1000);
  assert.equal(checked.config.tunnels[999]?.links.length, 500);
});

test('a section whose entries are all commented out is empty', () => {
  const checked = checkConfig(`${valid}tunnels:\n  # head-office: {}\n`, 'f.yaml');
  assert.deepEqual(checked.ok && checked.config.tunnels, []);
});

test('links and tunnels keep the order of the file', () => {
  const names = ['z', '9a', 'b', '1x', 'a'];
  const links = names.map((name) => `  ${name}: {interface: e${name}}\n`).join('');
  const checked = checkConfig(`gateway: {name: a, identity: /x}\nlinks:\n${links}`, 'f.yaml');
  assert.deepEqual(checked.ok && checked.config.links.map(({ name }) => name), names);
});

test('merge keys take over what the map does not say itself', () => {
  const text = `gateway: {name: a, identity: /x}
links:
  one: &one {interface: e1, port: 1, mtu: 1300}
  two: &two {<<: *one, port: 2}
  three: {<<: [*two, *one], interface: e3}
`;
  const checked = checkConfig(text, 'f.yaml');
  assert.ok(!checked.ok || checked.config.links.length === 3);
  assert.deepEqual(checked.ok && checked.config.links.map((link) => [link.interface, link.port, link.mtu]), [
    ['e1', 1, 1300],
    ['e1', 2, 1300],
    ['e3', 2, 1300],
  ]);
});

test('tunnels without subnets of their own may share one inner address', () => {
  const tunnel = (name: string, last: string, address: string) =>
    `  ${name}: {peer: {fingerprint: SHA256:${last.repeat(43)}}, address: ${address}}\n`;
  const shared = (address: string) =>
    `${valid}tunnels:\n${tunnel('a', 'A', address)}${tunnel('b', 'E', address)}`;
  assert.deepEqual(mistakesOf(shared('10.255.0.1/32')), []);
  assert.deepEqual(mistakesOf(shared('"fd00::1/128"')), []);
  assert.equal(mistakesOf(shared('10.255.0.1/31')).length, 1);
});
