import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PppWay } from '../../config/index.ts';
import { type DialEnd, judgeDialEnd, modemMissing } from './dial-failure.ts';
import { PppLog } from './ppp-log.ts';

const way: PppWay = {
  kind: 'ppp',
  device: '/dev/ttyS0',
  speed: 115_200,
  phone: '0123',
  account: 'branch12',
  passwordFile: '/p',
  init: ['ATZ', 'ATX3'],
  tries: 3,
  pauseMillis: 5_000,
  answerMillis: 60_000,
  negotiateMillis: 30_000,
};

type Seen = { chat?: string; exit?: number; said?: string; tooLate?: boolean };

function judge({ chat, exit, said = '', tooLate = false }: Seen): string {
  const log = new PppLog();
  log.read(said);
  const [script, status] = chat?.split(' ') ?? [];
  const report =
    chat === undefined ? undefined : { script: script as 'init' | 'dial', status: Number(status) };
  const end: DialEnd = { way, log, chat: report, exitStatus: exit, tooLate };
  const { code, message, again } = judgeDialEnd(end);
  return `${code} ${again}: ${message}`;
}

const answered = 'Serial connection established.\nUsing interface ppp0\n';
const up = `${answered}CHAP authentication succeeded\nlocal  IP address 10.64.0.2\n`;

test('every kind of failure has its code, its words, and its time to call again', () => {
  const table: [seen: Seen, verdict: string][] = [
    [{ chat: 'dial 4', exit: 8 }, 'BS_DIAL_BUSY soon: The modem says BUSY, calling 0123.'],
    [{ chat: 'dial 5', exit: 8 }, 'BS_DIAL_NO_CARRIER soon: The modem says NO CARRIER, calling 0123.'],
    [{ chat: 'dial 6', exit: 8 }, 'BS_DIAL_NO_DIALTONE soon: The modem says NO DIALTONE, calling 0123.'],
    [{ chat: 'dial 7', exit: 8 }, 'BS_DIAL_NO_DIALTONE soon: The modem says NO DIAL TONE, calling 0123.'],
    [{ chat: 'dial 8', exit: 8 }, 'BS_DIAL_NO_ANSWER soon: The modem says NO ANSWER, calling 0123.'],
    [{ chat: 'dial 3', exit: 8 }, 'BS_DIAL_NO_ANSWER soon: No answer within 60 s, calling 0123.'],
    [{ chat: 'dial 9', exit: 8 }, 'BS_MODEM_ERROR later: The modem says ERROR, calling 0123.'],
    [
      { chat: 'dial 2', exit: 8, said: 'Connect script failed\n' },
      'BS_PPP_FAILED soon: chat ended with status 2, calling 0123; it said: Connect script failed.',
    ],
    [
      { chat: 'init 3', exit: 8 },
      'BS_MODEM_SILENT soon: The modem at /dev/ttyS0 answered no ATZ or ATX3 within 5 s.',
    ],
    [
      { chat: 'init 4', exit: 8, said: 'expect (OK)\nERROR\n' },
      'BS_MODEM_ERROR later: The modem at /dev/ttyS0 refused one of its commands (ATZ, ATX3); it said: expect (OK) / ERROR.',
    ],
    [
      { exit: 6, said: 'Device ttyS0 is locked by pid 812\n' },
      'BS_MODEM_IN_USE later: Another program has the modem /dev/ttyS0: Device ttyS0 is locked by pid 812.',
    ],
    [
      { exit: 7, said: 'Failed to open /dev/ttyS0: Input/output error\n' },
      "BS_MODEM_MISSING later: The modem's device /dev/ttyS0 cannot be opened; it said: Failed to open /dev/ttyS0: Input/output error.",
    ],
    [
      { exit: 2, said: "pppd: In file /x/options: unrecognized option '/dev/ttyS0'\n" },
      "BS_MODEM_MISSING later: The modem's device /dev/ttyS0 cannot be opened; it said: pppd: In file /x/options: unrecognized option '/dev/ttyS0'.",
    ],
    [{ exit: 4 }, 'BS_PPP_NO_KERNEL later: pppd says that the kernel has no PPP.'],
    [
      { chat: 'dial 0', exit: 19, said: `${answered}CHAP authentication failed: Access denied\n` },
      'BS_PPP_REFUSED muchLater: The provider refused account branch12 or its password: CHAP authentication failed: Access denied.',
    ],
    [
      { chat: 'dial 0', said: `${answered}PAP authentication failed\n` },
      'BS_PPP_REFUSED muchLater: The provider refused account branch12 or its password: PAP authentication failed.',
    ],
    [
      { chat: 'dial 0', tooLate: true, said: answered },
      'BS_PPP_TIMEOUT soon: The call was answered, but LCP did not come to an end within 30 s; it said: Serial connection established. / Using interface ppp0.',
    ],
    [
      { chat: 'dial 0', exit: 16, said: `${answered}LCP: timeout sending Config-Requests\n` },
      'BS_PPP_TIMEOUT soon: The call was answered, but LCP did not come to an end within 30 s; it said: Serial connection established. / Using interface ppp0 / LCP: timeout sending Config-Requests.',
    ],
    [
      { chat: 'dial 0', exit: 16, said: `${answered}Modem hangup\n` },
      'BS_PPP_DROPPED soon: The call was answered, and the line dropped before it was of use: Modem hangup.',
    ],
    [
      { chat: 'dial 0', exit: 16, said: `${up}Modem hangup\n` },
      'BS_PPP_DROPPED soon: The line was up and is lost: Modem hangup.',
    ],
    [
      { chat: 'dial 0', exit: 15, said: `${up}No response to 3 echo-requests\nModem hangup\n` },
      'BS_PPP_DROPPED soon: The line was up and is lost: No response to 3 echo-requests.',
    ],
    [{ chat: 'dial 0', said: up }, 'BS_PPP_DROPPED soon: The line was up and is lost: pppd is gone.'],
    [
      { exit: 2, said: "pppd: unrecognized option 'ifname'\n" },
      "BS_PPP_FAILED later: pppd ended with status 2; it said: pppd: unrecognized option 'ifname'.",
    ],
    [
      { tooLate: true, said: 'send (ATZ^M)\n' },
      'BS_PPP_FAILED soon: chat came to no end within 70 s, calling 0123; it said: send (ATZ).',
    ],
    [{}, 'BS_PPP_FAILED later: pppd was ended.'],
  ];
  for (const [seen, verdict] of table) assert.equal(judge(seen), verdict);
});

test('a device that is not there is told before anything is started', () => {
  const { message } = modemMissing('/dev/ttyUSB0', ': there is no such file');
  assert.equal(message, "The modem's device /dev/ttyUSB0 cannot be opened: there is no such file.");
});
