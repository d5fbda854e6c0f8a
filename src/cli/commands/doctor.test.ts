import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noColours } from '../terminal.ts';
import { formatReport } from './doctor.ts';

test('the report is aligned, with what is to be done below what is wrong', () => {
  const report = formatReport(
    {
      worst: 'problem',
      checks: [
        { name: 'kernel', status: 'ok', found: '6.1.0', remedy: undefined },
        {
          name: 'send buffer',
          status: 'warning',
          found: '208 KiB at the most',
          remedy: 'Raise net.core.wmem_max.',
        },
        { name: 'tun', status: 'problem', found: 'no /dev/net/tun', remedy: 'Run `modprobe tun`.' },
      ],
    },
    noColours,
  );
  assert.equal(
    report,
    `ok       kernel       6.1.0
warning  send buffer  208 KiB at the most
                      to do: Raise net.core.wmem_max.
problem  tun          no /dev/net/tun
                      to do: Run \`modprobe tun\`.

1 problem, 1 warning, 1 ok
`,
  );
});
