/** What the other rooms need of the configuration. */

export { type CheckedConfig, checkConfig } from './check-config.ts';
export type { TrafficClass } from './class-section.ts';
export type {
  Config,
  Encapsulation,
  Endpoint,
  GatewayConfig,
  IpAddress,
  IpPrefix,
  LinkConfig,
  PeerConfig,
  TunnelConfig,
} from './config.ts';
export { formatMistake, type Mistake } from './mistake.ts';
export type { ConfigInput } from './schema.ts';
