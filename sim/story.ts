/** A history in words, for whoever looks for the cause of a failure. Pure. */
import type { WorkerEvent } from '../src/dataplane/protocol.ts';
import type { Change, History } from './history.ts';
import { type EndName, otherEnd } from './inner-packets.ts';
import type { Ends } from './tunnel-end.ts';
import type { VirtualNetwork } from './virtual-network.ts';

/** What the history is about, before anything happens. */
export function describeHistory(history: History): string[] {
  const { seed, links, flows, schedule, mode, coalescing, keepaliveMillis, finishChecksums, aggfrag, mtus } =
    history;
  const checksums = finishChecksums ? 'complete' : 'open';
  return [
    `seed ${seed}: schedule by ${schedule}, keepalive ${keepaliveMillis} ms, ${checksums} checksums`,
    `flows 0 and 1: ${mode}; ends look every ${coalescing} µs`,
    aggfrag ? `packets are cut and put together; MTUs ${mtus.join(', ')}` : 'packets are not cut',
    ...links.map(({ rate, delay, queue }, link) => {
      return `link ${link}: ${((rate * 8) / 1e6).toFixed(2)} Mbit/s, ${millis(delay)}, queue ${millis(queue)}`;
    }),
    ...flows.map(({ id, from, family, burst, segments, payload, interval }) => {
      const each = `${burst} × ${segments} packets of ${payload} bytes every ${millis(interval)}`;
      return `flow ${id}: from ${from}, IPv${family}, ${each}`;
    }),
  ];
}

export function describeChange({ kind, ...rest }: Change): string {
  return `${kind} ${JSON.stringify(rest)}`;
}

export function describeEvent(name: EndName, event: WorkerEvent): string {
  if (event.kind === 'pathMtu')
    return `${name}: path ${event.path} takes ${event.after} bytes, ${event.before} before (${event.cause})`;
  if (event.kind !== 'pathState') return `${name}: ${event.kind}`;
  const { silentMillis, roundTripMillis } = event.evidence;
  const figures = `silent ${silentMillis.toFixed(1)} ms, round trip ${roundTripMillis.toFixed(1)} ms`;
  return `${name}: path ${event.path} ${event.from} → ${event.to} (${figures})`;
}

/** What an end counted, and what its links did to what it sent. */
export function describeEnd(name: EndName, ends: Ends, network: VirtualNetwork, links: number): string[] {
  const counted = Object.entries(ends[name].counters()).filter(([, value]) => value > 0);
  const lines = [`${name}: ${counted.map(([counter, value]) => `${counter} ${value}`).join(', ')}`];
  for (let link = 0; link < links; link++) {
    const { lost, overflowed, tooLong, longestQueue } = network.link(name, link);
    const losses = `lost ${lost}, ${overflowed} of them in a full queue, and ${tooLong} that were too long`;
    lines.push(`${name} → ${otherEnd(name)}: link ${link} ${losses}; queue at most ${millis(longestQueue)}`);
  }
  return lines;
}

export function millis(micros: number): string {
  return `${(micros / 1000).toFixed(3)} ms`;
}
