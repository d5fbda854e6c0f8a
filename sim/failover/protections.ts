/**
 * What keeps a gateway from harm, one by one, so that a test can take one out and see the simulator find it.
 *
 * Contract: nothing is out in a real history.
 */
export type Protection =
  /** A better tier has to be good for `hold`. */
  | 'hold'
  /** Each failure of a link doubles the time that it must be good. */
  | 'damping'
  /** Silence takes a link down. */
  | 'detection'
  /** Probes leave by their own link. */
  | 'ownProbe'
  /** Connections over a dead link are cut off. */
  | 'cut'
  /** And only after the new rules stand. */
  | 'cutAfterRules'
  /** And no others. */
  | 'cutOnlyDead'
  /** What was sent from an address that is gone is cut off. */
  | 'cutStale'
  /** A change that failed is tried again. */
  | 'retry'
  /** Traffic returns by itself. */
  | 'fallback'
  /** The tunnel has paths over more than one link. */
  | 'secondPath';
