/**
 * Looks at the transfer and at the sending gateway again and again, shows both, and lets the fault happen in between.
 *
 * Contract: returns when the transfer is finished. What the gateway's journal says meanwhile is passed to `onEvent`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventPage } from '../../src/api/event-query.ts';
import type { Status } from '../../src/api/status.ts';
import { getDocument } from '../../src/cli/daemon-client.ts';
import type { JournalEntry } from '../../src/journal/journal.ts';
import type { GatewayDaemon } from '../gateways.ts';
import type { Display, LinkSample, Sample } from './display.ts';
import { bytesByLink, bytesSince, sharesOf } from './link-shares.ts';
import type { Transfer } from './transfer.ts';

const SAMPLE_MILLIS = 200;

type Watched = {
  readonly transfer: Transfer;
  readonly sender: GatewayDaemon;
  readonly display: Display;
  readonly totalBytes: number;
  /** Called at each look with the received part of the file, 0 to 1. */
  readonly onProgress: (part: number) => Promise<void>;
  readonly onEvent: (entry: JournalEntry) => void;
  readonly onSample: (sample: Sample) => void;
};

export async function watchTransfer(watched: Watched): Promise<void> {
  const { transfer, sender, display, totalBytes } = watched;
  const startedAt = performance.now();
  let status = await sender.status();
  let newestEvent = (await newestEvents(sender)).next;
  let last = { at: startedAt, bytes: 0 };
  let failed = false;
  transfer.finished.catch(() => {
    failed = true;
  });
  while (!transfer.done && !failed) {
    await sleep(SAMPLE_MILLIS);
    const { bytes } = transfer.progress;
    await watched.onProgress(bytes / totalBytes);
    const events = await newestEvents(sender, newestEvent);
    newestEvent = events.next;
    events.entries.forEach(watched.onEvent);
    const before = status;
    status = await sender.status();
    const now = performance.now();
    const links = linkSamples(before, status);
    const mbit = megabits(bytes - last.bytes, now - last.at);
    const sample = { elapsedSeconds: (now - startedAt) / 1000, bytes, totalBytes, mbit, links };
    watched.onSample(sample);
    display.show(sample);
    last = { at: now, bytes };
  }
  display.settle();
}

function newestEvents(gateway: GatewayDaemon, after?: number): Promise<EventPage> {
  const since = after === undefined ? 'limit=1' : `since=${after}`;
  return getDocument<EventPage>(gateway.files.socket, `/v1/events?${since}`);
}

function linkSamples(before: Status, after: Status): LinkSample[] {
  const bytes = bytesSince(bytesByLink(before), bytesByLink(after));
  const shares = sharesOf(bytes);
  const millis = Date.parse(after.time) - Date.parse(before.time);
  const paths = after.tunnels.flatMap((tunnel) => tunnel.paths);
  return after.links.map(({ name }) => ({
    name,
    mbit: megabits(bytes.get(name) ?? 0, millis),
    share: shares[name] ?? 0,
    states: paths.filter(({ link }) => link === name).map(({ state }) => state),
  }));
}

function megabits(bytes: number, millis: number): number {
  return millis <= 0 ? 0 : (bytes * 8) / 1000 / millis;
}
