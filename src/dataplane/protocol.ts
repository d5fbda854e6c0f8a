/**
 * What the daemon's main thread and the packet worker say to each other.
 *
 * Contract: commands are carried out in the order in which they were sent. Descriptors go by number: the main thread
 * opens them, the worker uses them, and whoever opened a descriptor closes it after the worker confirmed that it let
 * go (`released`). Keys are 32 bytes and a salt of 4 (RFC 4106, 8.1). Counters are shared memory (`counters.ts`).
 */

import type { Encapsulation } from '../config/index.ts';
import type { ErrorCode } from '../errors.ts';
import type { Carrier } from '../tunnel/path/carrier.ts';
import type { MtuCause } from '../tunnel/path/mtu-search.ts';
import type { PathState } from '../tunnel/path/path.ts';
import type { ClassRule } from '../tunnel/schedule/traffic-classes.ts';

export type InnerPrefix = { readonly bytes: Uint8Array; readonly length: number };

export type RemoteAddress = { readonly address: Uint8Array; readonly port: number };

export type WorkerCommand =
  | {
      readonly kind: 'addTunnel';
      readonly tunnel: number;
      readonly tunFd: number;
      readonly udpOffload: boolean;
      readonly schedule: 'arrival' | 'weight';
      /** Absent for none. */
      readonly classes?: readonly ClassRule[];
      /** Sources that inner packets from the peer may have. */
      readonly innerSources: readonly InnerPrefix[];
      readonly counters: SharedArrayBuffer;
    }
  | { readonly kind: 'removeTunnel'; readonly tunnel: number }
  /** The tunnel has another device, or none (-1). */
  | {
      readonly kind: 'changeDevice';
      readonly tunnel: number;
      readonly tunFd: number;
      readonly udpOffload: boolean;
    }
  | {
      readonly kind: 'addInbound';
      readonly tunnel: number;
      readonly spi: number;
      readonly key: Uint8Array;
      readonly salt: Uint8Array;
    }
  | { readonly kind: 'removeInbound'; readonly spi: number }
  | {
      readonly kind: 'addOutbound';
      readonly tunnel: number;
      readonly spi: number;
      readonly key: Uint8Array;
      readonly salt: Uint8Array;
      /** Whether packets leave with complete checksums (a peer that did not agree to open ones). */
      readonly finishChecksums: boolean;
      /** Whether the peer understands AGGFRAG payloads and answers size probes; absent for no. */
      readonly aggfrag?: boolean | undefined;
      /** Turn to it at once, or when the peer was heard on this inbound SPI. */
      readonly activate: 'now' | { readonly whenHeardOn: number };
      /** After so many packets the main thread is told that new keys are due. */
      readonly packetLimit: number;
    }
  | { readonly kind: 'removeOutbound'; readonly tunnel: number }
  | { readonly kind: 'openSocket'; readonly socket: number; readonly fd: number }
  | { readonly kind: 'closeSocket'; readonly socket: number }
  | {
      readonly kind: 'addPath';
      readonly tunnel: number;
      readonly path: number;
      /** Paths of the same link share its fate; absent where nothing is known of that. */
      readonly link?: number;
      readonly socket: number;
      /** Absent until the peer is heard. */
      readonly remote: RemoteAddress | undefined;
      readonly keepaliveMillis: number;
      readonly weight: number;
      /** What the link is said to carry, before anything was measured (bytes per second). */
      readonly rate?: number | undefined;
      /** The largest outer IP packet that the link takes; absent for Ethernet's. */
      readonly mtu?: number | undefined;
      /** What may carry it; absent for either. */
      readonly encapsulation?: Encapsulation | undefined;
      /** Whether this side makes the path's own connection, and speaks first there. */
      readonly initiates?: boolean | undefined;
      readonly counters: SharedArrayBuffer;
    }
  | {
      readonly kind: 'movePath';
      readonly tunnel: number;
      readonly path: number;
      readonly socket: number;
      readonly remote: RemoteAddress | undefined;
    }
  | {
      readonly kind: 'weightPath';
      readonly tunnel: number;
      readonly path: number;
      readonly weight: number;
    }
  | { readonly kind: 'removePath'; readonly tunnel: number; readonly path: number }
  /** The path's own TCP connection; one that it had before is given up. */
  | { readonly kind: 'openStream'; readonly tunnel: number; readonly path: number; readonly fd: number }
  | { readonly kind: 'closeStream'; readonly tunnel: number; readonly path: number; readonly fd: number }
  /** Tells with `watched` whenever this descriptor is readable; `drain` empties it. */
  | { readonly kind: 'watch'; readonly fd: number }
  | { readonly kind: 'release'; readonly ticket: number }
  /** What is left of many changes; packets wait for it as long as one collection takes. */
  | { readonly kind: 'returnMemory' }
  | { readonly kind: 'stop' };

export type PathEvidence = {
  readonly silentMillis: number;
  readonly unansweredProbes: number;
  readonly roundTripMillis: number;
  readonly lastHeardMillisAgo: number;
};

/** `trials`: the other carrier answered; `peer`: the peer changed; `lost`: the connection is no more. */
export type CarrierEvidence = {
  readonly cause: 'trials' | 'peer' | 'lost';
  readonly answeredTrials: number;
  /** How long nothing had been heard by the carrier before. */
  readonly lastHeardMillisAgo: number;
};

/** `silent`: nothing is answered there; `noMemory`: too many others have half a frame. */
export type StreamEnd = 'ended' | 'notUnderstood' | 'silent' | 'noMemory';

export type WorkerEvent =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'pathState';
      readonly tunnel: number;
      readonly path: number;
      readonly from: PathState;
      readonly to: PathState;
      readonly evidence: PathEvidence;
    }
  | {
      readonly kind: 'pathMoved';
      readonly tunnel: number;
      readonly path: number;
      readonly remote: RemoteAddress;
    }
  /** The guard left a path out, or uses it again; rates are bytes per second. */
  | {
      readonly kind: 'pathGuarded';
      readonly tunnel: number;
      readonly path: number;
      readonly demoted: boolean;
      readonly withIt: number;
      readonly withoutIt: number;
      readonly best: number;
      readonly pauseMillis: number;
    }
  | {
      readonly kind: 'pathCarrier';
      readonly tunnel: number;
      readonly path: number;
      readonly to: Carrier;
      readonly evidence: CarrierEvidence;
    }
  /** Packets of another size come through than before; bytes of outer IP packets. */
  | {
      readonly kind: 'pathMtu';
      readonly tunnel: number;
      readonly path: number;
      readonly before: number;
      readonly after: number;
      readonly cause: MtuCause;
    }
  /** The connection is not used any more; who opened it closes it. */
  | {
      readonly kind: 'streamLost';
      readonly tunnel: number;
      readonly path: number;
      readonly fd: number;
      readonly reason: StreamEnd;
    }
  /** The peer was heard under its new keys: the tunnel now sends under the new ones as well. */
  | { readonly kind: 'outboundActive'; readonly tunnel: number; readonly spi: number }
  | { readonly kind: 'rekeyDue'; readonly tunnel: number; readonly spi: number }
  | { readonly kind: 'watched' }
  /** Everything commanded before this ticket is done; descriptors given up then may be closed. */
  | { readonly kind: 'released'; readonly ticket: number }
  | { readonly kind: 'trouble'; readonly message: string }
  /** The worker ends for a reason that the catalogue knows. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'stopped' };
