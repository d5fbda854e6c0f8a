/** A modem, real pppd and chat on both sides, Debian's kernel, and the daemon that dials (S1.4); see dial-up-guest.ts. */
import { test } from 'node:test';
import { playInVm } from './scenario-reports.ts';

test('the daemon dials by a real modem line, pppd and chat', (context) =>
  playInVm(context, 'dial-up-guest.ts', 10));
