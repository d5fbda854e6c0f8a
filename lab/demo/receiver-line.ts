/** What the receiver says about the transfer, one JSON document per line. */
import type { ArrivalSummary } from './arrivals.ts';

export type ReceiverLine =
  | { readonly kind: 'listening' }
  | ({ readonly kind: 'progress' | 'done' } & ArrivalSummary);
