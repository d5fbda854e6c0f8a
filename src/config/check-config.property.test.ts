import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { checkConfig, type LinkConfig, type Mistake } from './index.ts';

function texts(directory: string): string[] {
  const url = new URL(`../../${directory}/`, import.meta.url);
  const names = readdirSync(url).filter((name) => name.endsWith('.yaml'));
  return names.map((name) => readFileSync(new URL(name, url), 'utf8'));
}

const examples = texts('examples');
const corpus = [...examples, ...texts('test/corpus/config')];

/** Checks what holds for every text; gives the mistakes. */
function assertTotal(text: string): readonly Mistake[] {
  const checked = checkConfig(text, 'f.yaml');
  if (checked.ok) return [];
  assert.ok(checked.mistakes.length > 0, 'refused without a reason');
  const lines = text.replace(/^\ufeff/, '').split('\n');
  let before = { line: 1, column: 1 };
  for (const mistake of checked.mistakes) {
    const line = lines[mistake.line - 1];
    assert.ok(
      line !== undefined && mistake.column >= 1 && mistake.column <= [...line].length + 1,
      'outside the text',
    );
    const inOrder =
      mistake.line > before.line || (mistake.line === before.line && mistake.column >= before.column);
    assert.ok(inOrder, 'not in order of position');
    assert.ok(mistake.message.length > 0 && !mistake.message.includes('\n'), JSON.stringify(mistake.message));
    assert.doesNotMatch(mistake.message, /undefined|\[object|NaN|Invalid input/);
    before = mistake;
  }
  return checked.mistakes;
}

test('no text of the corpus makes it throw', () => {
  for (const text of corpus) assertTotal(text);
});

test('no text makes it throw', () => {
  const yamlish = fc
    .array(
      fc.constantFrom(
        'gateway',
        'links',
        ':',
        ': ',
        '\n',
        '  ',
        '- ',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '&a',
        '*a',
        '<<',
        '!',
        '#',
        '\t',
        '|',
        '?',
        '---\n',
        ',',
        '1',
        '\ufeff',
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'grapheme' }), yamlish), (text) => void assertTotal(text)),
    {
      numRuns: 500,
    },
  );
});

const scalars = fc.oneof(
  fc.constantFrom(
    'auto',
    '10.0.0.0/8',
    '10.0.0.1/8',
    '::1',
    '198.51.100.1',
    'eth0',
    '250ms',
    '1gbit',
    'fibre',
    '',
  ),
  fc.string({ maxLength: 8 }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
);
const values = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalars, fc.array(tie('value'), { maxLength: 4 }), tie('map')),
  map: fc.dictionary(
    fc.constantFrom(
      'interface',
      'address',
      'gateway',
      'peer',
      'fingerprint',
      'addresses',
      'networks',
      'links',
      'mtu',
      'port',
      'rekey',
      'filters',
      'action',
      'protocol',
      'ports',
      'from',
      'to',
      'after',
      '<<',
      '__proto__',
      'toString',
      'x y',
    ),
    tie('value'),
    { maxKeys: 5 },
  ),
})).value;
const shaped = fc.record(
  {
    gateway: values,
    links: fc.oneof(values, fc.dictionary(fc.constantFrom('fibre', 'lte', '1', 'A'), values)),
    tunnels: fc.oneof(values, fc.dictionary(fc.constantFrom('head', 'branch', ''), values)),
  },
  { requiredKeys: [] },
);

test('no values make it throw', () => {
  fc.assert(
    fc.property(fc.oneof(shaped, fc.jsonValue()), (value) => void assertTotal(stringify(value))),
    {
      numRuns: 500,
    },
  );
});

test('a mutated example is accepted or gets mistakes within it', () => {
  const mutations = fc.array(
    fc.record({
      at: fc.nat(),
      remove: fc.nat(12),
      insert: fc.constantFrom(
        '',
        '\n',
        ' ',
        ':',
        '0',
        'x',
        '"',
        '[',
        '/',
        '\t',
        '- ',
        '&a',
        '*a',
        '\0',
        '10.2.0.0/16',
      ),
    }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...examples), mutations, (example, steps) => {
      const mutated = steps.reduce((text, { at, remove, insert }) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + insert + text.slice(start + remove);
      }, example);
      assertTotal(mutated);
    }),
    { numRuns: 500 },
  );
});

test('a removed line of an example leaves no mistake about anything else', () => {
  for (const example of examples) {
    const lines = example.split('\n');
    for (const [index, line] of lines.entries()) {
      if (/^\s*(#|$)/.test(line)) assert.deepEqual(assertTotal(lines.toSpliced(index, 1).join('\n')), []);
      else assertTotal(lines.toSpliced(index, 1).join('\n'));
    }
  }
});

const linkInputs = fc.record(
  {
    port: fc.integer({ min: 1, max: 65535 }),
    rate: fc.integer({ min: 1, max: 400_000 }).map((mbit) => `${mbit}mbit`),
    keepalive: fc.integer({ min: 50, max: 60_000 }).map((millis) => `${millis}ms`),
    mtu: fc.integer({ min: 1280, max: 9000 }),
    encapsulation: fc.constantFrom('auto', 'udp', 'tcp'),
  },
  { requiredKeys: [] },
);

test('every valid link comes out as it was written, or with its default', () => {
  fc.assert(
    fc.property(fc.array(linkInputs, { minLength: 1, maxLength: 6 }), (inputs) => {
      const links = Object.fromEntries(
        inputs.map((input, index) => [`l${index}`, { interface: `e${index}`, ...input }]),
      );
      const text = stringify({ gateway: { name: 'a', identity: '/x' }, links });
      const checked = checkConfig(text, 'f.yaml');
      assert.ok(checked.ok, text);
      for (const [index, input] of inputs.entries()) {
        const link: LinkConfig | undefined = checked.config.links[index];
        assert.equal(link?.port, input.port ?? 4500);
        assert.equal(link?.mtu, input.mtu ?? 1500);
        assert.equal(link?.encapsulation, input.encapsulation ?? 'auto');
        assert.equal(`${link?.keepaliveMillis}ms`, input.keepalive ?? '500ms');
        assert.equal(link?.rateBps, input.rate && Number.parseInt(input.rate, 10) * 1_000_000);
      }
    }),
  );
});
