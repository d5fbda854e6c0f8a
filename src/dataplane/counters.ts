/**
 * Counters that the packet worker writes and the main thread reads, in shared memory without a lock.
 *
 * Contract: a block is a row of doubles, one per name; only the worker writes. A double is read whole, so each figure
 * is right by itself; two of them may be a packet apart.
 */
export const tunnelCounters = [
  'innerSentPackets',
  'innerSentBytes',
  'innerReceivedPackets',
  'innerReceivedBytes',
  'tunReads',
  'tunWrites',
  'droppedNoKeys',
  'droppedNoPath',
  'droppedNotIp',
  'droppedLinkScoped',
  'droppedTooBig',
  'droppedSendBusy',
  'droppedSendFailed',
  'refusedReplayed',
  'refusedNotAuthentic',
  'refusedMalformedInner',
  'refusedForeignSource',
  'refusedUnknownPayload',
  'tunWriteFailed',
  'reportsSent',
  'reportsReceived',
  'reportsRefused',
  'sendingSpi',
  'sendingSequence',
  'waitedForOrder',
  'gaveUpWaiting',
  'deliveredLate',
  'sentAgain',
  'sentTwice',
  'aggregatesSent',
  'aggregatesReceived',
  'innerSentInPieces',
  'innerIncomplete',
] as const;

export const pathCounters = [
  'state',
  'roundTripMillis',
  'roundTripVariationMillis',
  'lastHeardAtMillis',
  'sentPackets',
  'sentBytes',
  'sentDataBytes',
  'sendCalls',
  'receivedPackets',
  'receivedBytes',
  'segmentedSending',
  'peerReceivedPackets',
  'demoted',
  'lineRate',
  'lineQueueMillis',
  'lineLoss',
  'byTcp',
  'mtu',
] as const;

/** Of the whole worker: what belongs to no tunnel. */
export const workerCounters = [
  'refusedMalformed',
  'refusedUnknownSpi',
  'receiveFailed',
  'wakeups',
  'natKeepalives',
] as const;

export type TunnelCounter = (typeof tunnelCounters)[number];
export type PathCounter = (typeof pathCounters)[number];
export type WorkerCounter = (typeof workerCounters)[number];

/** Where each counter stands in its block. */
export const tunnelSlot = slots(tunnelCounters);
export const pathSlot = slots(pathCounters);
export const workerSlot = slots(workerCounters);

export function openCounters(names: readonly string[]): SharedArrayBuffer {
  return new SharedArrayBuffer(names.length * 8);
}

/** A readable copy. */
export function readCounters<Name extends string>(
  names: readonly Name[],
  block: SharedArrayBuffer,
): Record<Name, number> {
  const values = new Float64Array(block);
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? 0])) as Record<Name, number>;
}

/** Adds to a counter; `block` is a `Float64Array` on the shared memory. */
export function count(block: Float64Array, slot: number, amount = 1): void {
  block[slot] = (block[slot] as number) + amount;
}

function slots<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name, index) => [name, index])) as Record<Name, number>;
}
