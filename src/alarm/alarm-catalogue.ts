/**
 * What each kind of event is to whoever is told of it: a new kind costs one line here.
 *
 * Contract: `matter` tells apart what can be wrong with one subject at the same time; a recovery ends the trouble of its own
 * matter. `notification` is the SNMP notification that carries it (packaging/BACKSTAY-MIB.txt).
 */

import type { EventKind } from '../journal/event.ts';
import type { AlarmRole } from './alarm.ts';

/** The last number of each notification's object identifier; never reused. */
export const notifications = {
  backstayEvent: 1,
  backstayAlarmTest: 2,
  backstayGatewayStarted: 3,
  backstayGatewayStopping: 4,
  backstayLinkUp: 5,
  backstayLinkDown: 6,
  backstayLinkDegraded: 7,
  backstayDialFailed: 8,
  backstayTunnelUp: 9,
  backstayTunnelDown: 10,
  backstayPathUp: 11,
  backstayPathDown: 12,
  backstayInternetMoved: 13,
} as const;

export type Notification = keyof typeof notifications;

export type AlarmRow = {
  readonly role: Exclude<AlarmRole, 'test'>;
  readonly matter: string;
  readonly notification: Notification;
};

export const alarmCatalogue: Readonly<Record<EventKind, AlarmRow>> = {
  adoptedLeftovers: news('leftovers'),
  alarmReceiverFailed: trouble('receiver'),
  alarmReceiverRecovered: recovery('receiver'),
  controlError: news('control'),
  daemonStarted: news('daemon', 'backstayGatewayStarted'),
  daemonStopping: news('daemon', 'backstayGatewayStopping'),
  dataplaneRestarted: news('dataplane'),
  diskRecovered: recovery('disk'),
  diskTrouble: trouble('disk'),
  hostileInput: news('hostile'),
  internetLost: trouble('internet'),
  internetMoved: recovery('internet', 'backstayInternetMoved'),
  linkChanged: news('addresses'),
  linkDegraded: trouble('state', 'backstayLinkDegraded'),
  linkDialFailed: trouble('state', 'backstayDialFailed'),
  linkDialled: news('dial'),
  linkDialTryFailed: news('dial'),
  linkDown: trouble('state', 'backstayLinkDown'),
  linkHungUp: news('dial'),
  linkUp: recovery('state', 'backstayLinkUp'),
  networkApplied: news('network'),
  networkTrouble: news('network'),
  pathAdded: news('added'),
  pathCarrierChanged: news('carrier'),
  pathDemoted: trouble('share'),
  pathDown: trouble('state', 'backstayPathDown'),
  pathMoved: news('remote'),
  pathMtuChanged: news('mtu'),
  pathProven: recovery('proof'),
  pathRemoved: recovery('state'),
  pathRestored: recovery('share'),
  pathSuspect: news('suspect'),
  pathUnproven: trouble('proof'),
  pathUp: recovery('state', 'backstayPathUp'),
  peerRefused: news('refused'),
  rekeyFailed: trouble('keys'),
  tunnelConnecting: news('connecting'),
  tunnelDown: trouble('state', 'backstayTunnelDown'),
  tunnelRekeyed: recovery('keys'),
  tunnelUp: recovery('state', 'backstayTunnelUp'),
};

function trouble(matter: string, notification: Notification = 'backstayEvent'): AlarmRow {
  return { role: 'trouble', matter, notification };
}

function recovery(matter: string, notification: Notification = 'backstayEvent'): AlarmRow {
  return { role: 'recovery', matter, notification };
}

function news(matter: string, notification: Notification = 'backstayEvent'): AlarmRow {
  return { role: 'news', matter, notification };
}
