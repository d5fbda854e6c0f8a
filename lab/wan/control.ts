/**
 * What is said between a test and the emulator: one JSON document per line, on the emulator's standard input and output.
 *
 * Contract: every request has an `id` and gets exactly one reply with the same one. The emulator ends when its
 * input is closed.
 */
import type { Impairments } from './impairments.ts';

export type Direction = 'aToB' | 'bToA';

export type Request =
  | {
      readonly operation: 'join';
      readonly link: string;
      /** Interfaces in the emulator's namespace. */
      readonly a: string;
      readonly b: string;
      readonly impairments: Impairments;
      readonly seed: number;
    }
  | {
      readonly operation: 'set';
      readonly link: string;
      readonly change: Partial<Impairments>;
      /** Default: both. */
      readonly direction?: Direction;
    }
  | { readonly operation: 'statistics'; readonly link: string }
  /** Takes up interfaces that were removed and made again under the same names. */
  | { readonly operation: 'reattach'; readonly link: string };

export type DirectionStatistics = {
  readonly receivedFrames: number;
  readonly sentFrames: number;
  /** Bytes of IP packets, without Ethernet headers. */
  readonly sentBytes: number;
  readonly overflowedFrames: number;
  readonly lostFrames: number;
  readonly swallowedFrames: number;
  /** The emulator itself was too slow or too full: a measurement with these above 0 is void. */
  readonly missedFrames: number;
  /** The far interface did not take them (it is down, for example). */
  readonly refusedFrames: number;
  readonly waitingFrames: number;
  /** How much later than due frames were sent: what the emulator adds of its own. */
  readonly latenessMeanMillis: number;
  readonly latenessMaxMillis: number;
};

export type LinkStatistics = Readonly<Record<Direction, DirectionStatistics>>;

export type Reply =
  | { readonly id: number; readonly result: LinkStatistics | null }
  | { readonly id: number; readonly error: string };
