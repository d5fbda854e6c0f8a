/**
 * A zero that V8 stores as a double from the start.
 *
 * For fields on the way of packets that begin at zero and leave the range of small integers one day (2^31: two gigabytes,
 * or 36 minutes in µs). V8 compiles code for the kind of number that a field has held so far and gives the code up when
 * that changes; the next packets then go through code that is interpreted.
 */
export const DOUBLE_ZERO = -0;
