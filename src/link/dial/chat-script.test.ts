import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  connectScript,
  dialAborts,
  dialScript,
  firstAbortStatus,
  initScript,
  readChatReport,
} from './chat-script.ts';

test('the modem is readied command by command, each answered by OK', () => {
  assert.equal(
    initScript(['ATZ', 'AT+CGDCONT=1,"IP","a\\b^c"']),
    `ABORT ERROR
TIMEOUT 5
'' "ATZ"
OK "AT+CGDCONT=1,\\"IP\\",\\"a\\\\b\\^c\\""
OK \\c
`,
  );
});

test('a number is dialled by tone, unless it says otherwise', () => {
  assert.equal(
    dialScript('0,0123456789', 45_500),
    `ABORT "BUSY"
ABORT "NO CARRIER"
ABORT "NO DIALTONE"
ABORT "NO DIAL TONE"
ABORT "NO ANSWER"
ABORT "ERROR"
ABORT "BLACKLISTED"
ABORT "DELAYED"
TIMEOUT 46
'' "ATDT0,0123456789"
CONNECT \\c
`,
  );
  assert.match(dialScript('P0123', 1_000), /"ATDP0123"/);
  // chat knows ten such strings, and numbers its exit statuses by them.
  assert.ok(dialAborts.length <= 10);
  assert.equal(dialAborts[4 - firstAbortStatus], 'BUSY');
});

test('the script that pppd runs tells which of the two ended how', () => {
  const files = { init: "/s/it's/init.chat", dial: '/s/dial.chat', report: '/s/report' };
  assert.equal(
    connectScript('/usr/sbin/chat', files),
    `'/usr/sbin/chat' -v -s -S -f '/s/it'\\''s/init.chat'
status=$?
echo "init $status" > '/s/report'
[ "$status" -eq 0 ] || exit "$status"
'/usr/sbin/chat' -v -s -S -f '/s/dial.chat'
status=$?
echo "dial $status" > '/s/report'
exit "$status"
`,
  );
  assert.deepEqual(readChatReport('dial 4\n'), { script: 'dial', status: 4 });
  for (const text of ['', 'dial', 'dial x', 'dial 4\ninit 0\n', 'call 3\n', 'dial 4444'])
    assert.equal(readChatReport(text), undefined, text);
});
