/**
 * The traffic source, a process inside a namespace: `source-main.ts INTERFACE FILE` with commands on standard input.
 *
 * Contract: a command is a line `PACKETS_PER_SECOND SECONDS`; it sends the file's frames in turn at that pace and then
 * answers with one line of JSON, `SourceReport`. Ends with its standard input. It catches up when it was kept from the
 * processor, by at most 10 ms worth of frames.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { unpackFrames } from './frame-file.ts';
import { FrameSender } from './frame-sender.ts';
import type { SourceReport } from './source.ts';

/** Few wake-ups, yet no burst that alone fills a socket's buffer. */
const TURN_MILLIS = 0.5;
const MAX_CATCH_UP_MILLIS = 10;

const [interfaceName = '', file = ''] = process.argv.slice(2);
const sender = new FrameSender(interfaceName, unpackFrames(readFileSync(file)));
const sleeping = new Int32Array(new SharedArrayBuffer(4));

process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [rate = 0, seconds = 0] = line.split(' ').map(Number);
  process.stdout.write(`${JSON.stringify(run(rate, seconds))}\n`);
}

function run(packetsPerSecond: number, seconds: number): SourceReport {
  const perMilli = packetsPerSecond / 1000;
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const refusedBefore = sender.refused;
  let sent = 0;
  let owedSince = startedAt;
  for (let now = startedAt; now < endsAt; now = performance.now()) {
    owedSince = Math.max(owedSince, now - MAX_CATCH_UP_MILLIS);
    const count = Math.floor((now - owedSince) * perMilli);
    if (count > 0) {
      sender.send(count);
      sent += count;
      owedSince += count / perMilli;
    }
    Atomics.wait(sleeping, 0, 0, TURN_MILLIS);
  }
  const refused = sender.refused - refusedBefore;
  return { sent: sent - refused, refused, seconds: (performance.now() - startedAt) / 1000 };
}
