/**
 * What the emulated wide-area network does to the frames of one direction of one link.
 *
 * Contract: plain data, sent as JSON to the emulator. `unimpaired` is a wire: nothing is delayed or lost. A change
 * (`Partial<Impairments>`) replaces the fields it names. Frames that already wait keep the time they were given.
 */
export type Impairments = {
  /** Bits of IP packets per second (a frame without its 14-byte Ethernet header); null: unlimited. */
  readonly rateMbit: number | null;
  /** One way; the time to serialise the packet at the rate comes on top. */
  readonly delayMillis: number;
  /** How much may wait for the rate, as time at that rate; what comes then is dropped (drop-tail). */
  readonly queueMillis: number;
  /** Lost on the wire, after having used up the rate. */
  readonly lossPercent: number;
  /** Evenly distributed extra delay from 0 to this; order is kept. */
  readonly jitterMillis: number;
  /** This share is held back by `reorderMillis`, so that later frames overtake it. */
  readonly reorderPercent: number;
  readonly reorderMillis: number;
  /** This share arrives twice. */
  readonly duplicatePercent: number;
  /** In this share one bit behind the IP header is turned over. */
  readonly corruptPercent: number;
  /** Swallows every frame; nothing is told to anybody, the interfaces stay up. */
  readonly blackHole: boolean;
  /** Swallows IP packets of these protocols; `icmp` means echo requests and replies of both families. */
  readonly blocked: readonly BlockedProtocol[];
  /** Swallows IP packets larger than this; null: none. */
  readonly mtu: number | null;
};

export type BlockedProtocol = 'icmp' | 'tcp' | 'udp';

export const unimpaired: Impairments = {
  rateMbit: null,
  delayMillis: 0,
  queueMillis: 60,
  lossPercent: 0,
  jitterMillis: 0,
  reorderPercent: 0,
  reorderMillis: 0,
  duplicatePercent: 0,
  corruptPercent: 0,
  blackHole: false,
  blocked: [],
  mtu: null,
};
