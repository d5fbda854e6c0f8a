/**
 * A zero that V8 stores as a double from the start.
 *
 * For fields on the way of packets that begin at zero and leave the range of small integers one day (2^31: two gigabytes,
 * or 36 minutes in µs). V8 compiles code for the kind of number that a field has held so far and gives the code up when
 * that changes; the next packets then go through code that is interpreted.
 *
 * It is a zero with a sign, which code that was compiled for adding integers does not take either. Where a field begins anew for each
 * tunnel's keys and is calculated with at once, the constructor sets it to 0 afterwards: that is stored as a double as well.
 */
export const DOUBLE_ZERO = -0;
