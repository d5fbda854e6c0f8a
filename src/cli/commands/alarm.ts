/**
 * `backstay alarm test`: which receivers take a test alarm.
 *
 * Contract: returns 1 when one of them does not, otherwise 0.
 */

import type { AlarmTestDocument } from '../../api/alarm-document.ts';
import { exitStatus } from '../../errors.ts';
import { formatMillis } from '../../journal/quantity.ts';
import { type Cell, formatColumns } from '../columns.ts';
import { postDocument } from '../daemon-client.ts';
import type { Palette, Terminal } from '../terminal.ts';

type Options = { readonly socket: string; readonly json?: boolean };

/** The daemon gives every receiver 10 s, all at the same time. */
const TEST_MILLIS = 15_000;

export async function testAlarms(options: Options, terminal: Terminal): Promise<number> {
  const document = await postDocument<AlarmTestDocument>(options.socket, '/v1/alarms/test', TEST_MILLIS);
  terminal.out(
    options.json ? `${JSON.stringify(document, undefined, 2)}\n` : formatTest(document, terminal.palette),
  );
  return document.results.some(({ error }) => error !== undefined) ? exitStatus.failure : 0;
}

function formatTest({ results }: AlarmTestDocument, palette: Palette): string {
  const heading = ['RECEIVER', 'RESULT', 'TIME'].map((text) => ({ text, paint: palette.strong }));
  const rows = results.map(({ receiver, tookMillis, note, error }): Cell[] => [
    receiver,
    error === undefined
      ? { text: verdict(receiver), paint: palette.good }
      : { text: 'failed', paint: palette.bad },
    formatMillis(tookMillis),
    [note, error?.message].filter((text) => text !== undefined).join('; '),
  ]);
  return formatColumns([heading, ...rows]);
}

/** Traps are not answered. */
function verdict(receiver: string): string {
  return receiver.startsWith('snmp ') ? 'sent' : 'taken';
}
