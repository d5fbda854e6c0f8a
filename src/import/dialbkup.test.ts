import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { BackstayError } from '../errors.ts';
import { readPolling, readProvider } from './dialbkup.ts';
import { dialbkupYaml } from './dialbkup-yaml.ts';

const cfg = 'Delay=5\nIdaddr1=192.0.2.1\nIaddr2=198.51.100.1\nRetry=3\nFrequency=4\n';
const script = `#!/bin/sh
# These are the parameters.
TELEPHONE=555-1212	# the provider
ACCOUNT='branch office'
export PASSWORD="pa ss#word"
LOCAL_IP=0.0.0.0
DIALER_SCRIPT=/etc/ppp/ppp-on-dialer
export TELEPHONE ACCOUNT PASSWORD
exec /usr/sbin/pppd debug lock modem crtscts /dev/ttyS0 38400 connect $DIALER_SCRIPT
`;

test('the two files are read', () => {
  assert.deepEqual(readPolling(cfg, 'f'), {
    delaySeconds: 5,
    addresses: ['192.0.2.1', '198.51.100.1'],
    retry: 3,
    frequency: 4,
  });
  assert.deepEqual(
    readPolling(`\ufeff# old\r\n\r\n${cfg.replaceAll('=', ' = ').replaceAll('\n', '\r\n')}`, 'f'),
    readPolling(cfg, 'f'),
  );
  assert.deepEqual(readProvider(script, 'f'), {
    account: 'branch office',
    password: 'pa ss#word',
    telephone: '5551212',
  });
});

test('what is printed is this configuration, without the password', () => {
  const { password, ...provider } = readProvider(script, 'f');
  const places = {
    primary: 'eth1',
    private: 'eth0',
    device: '/dev/ttyS0',
    passwordFile: '/etc/backstay/provider.password',
    sources: ['DialBkup.cfg', 'ppp-on'],
  };
  const text = dialbkupYaml(readPolling(cfg, 'f'), provider, places);
  assert.equal(text, goldenYaml);
  assert.equal(text.includes(password), false);
  const names = parse(text) as Record<string, unknown>;
  assert.deepEqual(Object.keys(names), ['gateway', 'links', 'internet']);
});

const brokenCfg: [change: (text: string) => string, code: string, place: string][] = [
  [(text) => text.replace('Retry=3\n', ''), 'BS_IMPORT_KEY_MISSING', 'f'],
  [(text) => text.replace('Delay=5', 'Delay=soon'), 'BS_IMPORT_NUMBER', 'f:1'],
  [(text) => text.replace('Delay=5', 'Delay=0'), 'BS_IMPORT_NUMBER', 'f:1'],
  [(text) => text.replace('Delay=5', 'Delay=5.5'), 'BS_IMPORT_NUMBER', 'f:1'],
  [(text) => text.replace('Frequency=4', 'Frequency=21'), 'BS_IMPORT_NUMBER', 'f:5'],
  [(text) => text.replace('Retry=3', 'Retry=-1'), 'BS_IMPORT_NUMBER', 'f:4'],
  [(text) => text.replace('Retry=3', 'Retry='), 'BS_IMPORT_VALUE', 'f:4'],
  [(text) => text.replace('192.0.2.1', '192.0.2.256'), 'BS_IMPORT_ADDRESS', 'f:2'],
  [(text) => text.replace('192.0.2.1', '2001:db8::1'), 'BS_IMPORT_ADDRESS', 'f:2'],
  [(text) => text.replace('192.0.2.1', '127.0.0.1'), 'BS_IMPORT_ADDRESS', 'f:2'],
  [(text) => text.replace('192.0.2.1', 'router'), 'BS_IMPORT_ADDRESS', 'f:2'],
  [(text) => text.replace('198.51.100.1', '192.0.2.1'), 'BS_IMPORT_VALUE', 'f:3'],
  [(text) => `${text}delay=6\n`, 'BS_IMPORT_KEY_REPEATED', 'f:6'],
  [(text) => `${text}Idaddr2=192.0.2.9\n`, 'BS_IMPORT_KEY_REPEATED', 'f:6'],
  [(text) => `${text}Colour=red\n`, 'BS_IMPORT_KEY_UNKNOWN', 'f:6'],
  [(text) => `${text}hello\n`, 'BS_IMPORT_SYNTAX', 'f:6'],
  [(text) => `${text}#\u0000\n`, 'BS_IMPORT_NOT_TEXT', 'f:6'],
  [(text) => text.replace('Delay=5', `Delay=${'5'.repeat(300)}`), 'BS_IMPORT_TOO_LONG', 'f:1'],
  [(text) => text + '#'.repeat(70_000), 'BS_IMPORT_TOO_LONG', 'f'],
];

for (const [change, code, place] of brokenCfg)
  test(`DialBkup.cfg: ${code} at ${place} for ${JSON.stringify(change(cfg)).slice(0, 100)}`, () => {
    const broken = change(cfg);
    assert.notEqual(broken, cfg);
    assert.throws(() => readPolling(broken, 'f'), { code, place });
  });

const brokenScript: [line: string, code: string, place: string][] = [
  ['', 'BS_IMPORT_KEY_MISSING', 'f'],
  ['PASSWORD=', 'BS_IMPORT_VALUE', 'f:3'],
  ['PASSWORD=$SECRET', 'BS_IMPORT_SHELL', 'f:3'],
  ['PASSWORD="$(cat /etc/secret)"', 'BS_IMPORT_SHELL', 'f:3'],
  ['PASSWORD=`cat /etc/secret`', 'BS_IMPORT_SHELL', 'f:3'],
  ['PASSWORD=a\\ b', 'BS_IMPORT_SHELL', 'f:3'],
  ["PASSWORD='a'b", 'BS_IMPORT_SHELL', 'f:3'],
  ["PASSWORD='a", 'BS_IMPORT_SHELL', 'f:3'],
  ['PASSWORD=secret; rm -r /', 'BS_IMPORT_SHELL', 'f:3'],
  ['PASSWORD=secret pppd', 'BS_IMPORT_SHELL', 'f:3'],
  ['if true; then PASSWORD=secret; fi', 'BS_IMPORT_SHELL', 'f:3'],
  ['PASSWORD+=secret', 'BS_IMPORT_SHELL', 'f:3'],
  ['echo PASSWORD=secret', 'BS_IMPORT_SHELL', 'f:3'],
  ['PASSWORD=secret\nPASSWORD=secret', 'BS_IMPORT_KEY_REPEATED', 'f:4'],
  [`PASSWORD=${'x'.repeat(300)}`, 'BS_IMPORT_TOO_LONG', 'f:3'],
  ['PASSWORD=secret\nTELEPHONE=hello', 'BS_IMPORT_VALUE', 'f:4'],
];

for (const [line, code, place] of brokenScript)
  test(`ppp-on: ${code} at ${place} for ${JSON.stringify(line).slice(0, 60)}`, () => {
    const telephone = line.includes('TELEPHONE') ? '' : 'TELEPHONE=5551212';
    const refused = (error: BackstayError) =>
      error.code === code && error.place === place && !/secret|SECRET/.test(error.message);
    assert.throws(() => readProvider(`ACCOUNT=a\n${telephone}\n${line}\n`, 'f'), refused);
  });

/** Near enough to a real file that a mistake of the reader shows. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'Delay',
        'Idaddr1',
        'Idaddr2',
        'Retry',
        'Frequency',
        'ACCOUNT',
        'PASSWORD',
        'TELEPHONE',
      ),
      fc.constantFrom(
        '=',
        '\n',
        '#',
        "'",
        '"',
        '$',
        '`',
        '\\',
        ' ',
        '\0',
        '5',
        '192.0.2.1',
        'export ',
        '\u2028',
        '\ufeff',
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

test('law: whatever the files hold, the answer is settings or an error with its place', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      for (const read of [readPolling, readProvider])
        try {
          read(text, 'f');
        } catch (error) {
          assert.ok(error instanceof BackstayError, String(error));
          assert.match(error.code, /^BS_IMPORT_/);
          assert.match(error.place ?? '', /^f(?::\d+)?$/);
        }
    }),
    { numRuns: 1_000 },
  );
});

test('law: a quoted word of the shell comes back as it is, and stays one string in the configuration', () => {
  const word = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !/['\p{Cc}\ufffd]/u.test(text));
  fc.assert(
    fc.property(word, word, (account, password) => {
      const read = readProvider(`ACCOUNT='${account}'\nPASSWORD='${password}'\nTELEPHONE=0123\n`, 'f');
      assert.deepEqual([read.account, read.password], [account, password]);
      const places = {
        primary: 'eth1',
        private: 'eth0',
        device: '/d',
        passwordFile: '/p',
        sources: ['a', 'b'],
      };
      const text = dialbkupYaml(readPolling(cfg, 'f'), read, places);
      assert.equal(parse(text).links.modem['on-demand'].ppp.account, account);
    }),
  );
});

const goldenYaml = `# Made by \`backstay import dialbkup\` of DialBkup.cfg and ppp-on.
gateway:
  name: branch
  # Made by \`backstay keygen\`.
  identity: /etc/backstay/identity.pem

links:
  primary:
    interface: "eth1"
    probe:
      targets:
        - icmp: 192.0.2.1 # Idaddr1
        - icmp: 198.51.100.1 # Idaddr2
      rule: all
      count: 4 # Frequency
      answers: 4 # all of them, as before
      interval: 5s # Delay
      retries: 3 # Retry
  modem:
    interface: ppp0
    use: on-demand
    on-demand:
      ppp:
        device: "/dev/ttyS0"
        phone: "5551212" # TELEPHONE
        account: "branch office" # ACCOUNT
        password-file: "/etc/backstay/provider.password"

# The internet traffic of the private network behind eth0 leaves by the primary link, and by the modem when that is down.
internet:
  links:
    primary: { tier: 1 }
    modem: { tier: 2 }

# The old files do not say which tunnels there are. For each remote site, in place of \`nfroute\`:
# tunnels:
#   head-office:
#     peer:
#       fingerprint: SHA256:...   # what \`backstay fingerprint\` prints there
#       addresses: [198.51.100.1]
#     networks: [10.1.0.0/16]     # behind the peer
`;
