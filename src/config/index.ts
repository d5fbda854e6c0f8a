/** What the other rooms need of the configuration. */

export { type CheckedConfig, checkConfig } from './check-config.ts';
export type { TrafficClass } from './class-section.ts';
export type {
  AlarmsConfig,
  CommandWay,
  Config,
  DemandConfig,
  DialHours,
  Encapsulation,
  Endpoint,
  GatewayConfig,
  InternetConfig,
  IpAddress,
  IpPrefix,
  LinkConfig,
  OnDemandConfig,
  PeerConfig,
  PppWay,
  ProbeConfig,
  ProbeTarget,
  SnmpConfig,
  TrafficRule,
  TunnelConfig,
} from './config.ts';
export { formatMistake, type Mistake } from './mistake.ts';
export { COMMAND_MILLIS } from './ppp-section.ts';
export { parseProbeTrial } from './probe-trial.ts';
export type { ConfigInput } from './schema.ts';
