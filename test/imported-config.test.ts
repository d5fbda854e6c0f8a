/** What the import prints is a configuration that the daemon takes, with the old files' meaning. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfig, formatMistake } from '../src/config/index.ts';
import { readPolling, readProvider } from '../src/import/dialbkup.ts';
import { dialbkupYaml } from '../src/import/dialbkup-yaml.ts';

const polling = 'Delay=5\nIdaddr1=192.0.2.1\nIaddr2=198.51.100.1\nRetry=3\nFrequency=4\n';
const places = {
  primary: 'eth1',
  private: 'eth0',
  device: '/dev/ttyS0',
  passwordFile: '/etc/backstay/provider.password',
  sources: ['DialBkup.cfg', 'ppp-on'],
};

for (const [account, telephone] of [
  ['branch', '5551212'],
  ['branch office', '555-1212'],
  ["o'neill@isp", '9W1-800-555-1212'],
] as const) {
  test(`an import of the account ${account} is taken`, () => {
    const script = `ACCOUNT="${account}"\nPASSWORD=secret\nTELEPHONE=${telephone}\n`;
    const text = dialbkupYaml(readPolling(polling, 'f'), readProvider(script, 'f'), places);
    const checked = checkConfig(text, 'imported.yaml');
    const config = checked.ok ? checked.config : assert.fail(checked.mistakes.map(formatMistake).join('\n'));
    const [primary, modem] = config.links;
    const { count, answers, intervalMillis, retries, rule } = primary?.probe ?? assert.fail();
    assert.deepEqual([count, answers, intervalMillis, retries, rule], [4, 4, 5_000, 3, 'all']);
    assert.equal(modem?.onDemand?.withinMillis !== undefined, true);
    assert.deepEqual(
      config.internet?.links.map(({ name, tier }) => [name, tier]),
      [
        ['primary', 1],
        ['modem', 2],
      ],
    );
  });
}
