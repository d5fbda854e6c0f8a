/** What the two ends of a numbered stream say when it has ended; one JSON document each. */
export type NumberedSent = {
  readonly packets: number;
  /** The longest time between two packets, as the machine let it happen (ms). */
  readonly longestPauseMillis: number;
};

export type NumberedReceived = {
  /** Different numbers that came. */
  readonly packets: number;
  /** Packets whose number had come before. */
  readonly repeated: number;
  /** Packets that came after one with a higher number. */
  readonly overtaken: number;
  /** The longest time in which nothing came (ms). */
  readonly longestGapMillis: number;
};
