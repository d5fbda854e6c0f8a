/** From the primary's death to its return, with a real modem line as the backup and Debian's kernel (S1.1 to S1.9); see failover-guest.ts. */
import { test } from 'node:test';
import { playInVm } from './scenario-reports.ts';

test('plain traffic and the tunnel move to a modem and back', (context) =>
  playInVm(context, 'failover-guest.ts', 6));
