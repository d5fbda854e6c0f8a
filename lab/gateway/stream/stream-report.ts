/** What the two ends of a stream say when it has ended; one JSON document each. */
import type { ArrivalSummary } from '../../demo/arrivals.ts';

export type SenderReport = { readonly bytes: number; readonly sha256: string };
export type ReceiverReport = ArrivalSummary & { readonly sha256: string };
