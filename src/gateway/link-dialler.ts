/** What brings a link up and hangs it up: a command of the operator, a modem, or whatever else is made to fit. */
import type { LinkConfig, OnDemandConfig } from '../config/index.ts';
import type { DialledLink } from '../linux/on-demand-record.ts';
import type { DialFailure } from '../tunnel/demand/demand.ts';

export type OnDemandLinkConfig = LinkConfig & { readonly onDemand: OnDemandConfig };

export type LinkDialler = {
  /**
   * Ends soon after the signal is given. What a failed attempt leaves is cleared by `hangUp`.
   * @returns undefined when all that is to be done is done; the interface may still be coming up
   */
  dial(link: OnDemandLinkConfig, signal: AbortSignal): Promise<DialFailure | undefined>;
  /** Does no harm to a link that is down. @returns what went wrong, if anything */
  hangUp(name: string, link: DialledLink, withinMillis: number): Promise<string | undefined>;
};
