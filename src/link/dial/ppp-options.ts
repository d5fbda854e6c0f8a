/**
 * The options file by which pppd runs one attempt to dial.
 *
 * Contract: the text holds the account's password, so it belongs into a file that only its owner can read; nothing of it goes
 * onto a command line. pppd ends with the line, and leaves routes and resolver alone: the gateway sees to both.
 * Source: pppd(8). S1.4.
 */
import type { PppWay } from '../../config/index.ts';
import { shellWord } from './chat-script.ts';

export type PppOptions = {
  readonly way: PppWay;
  /** The name that the interface gets. */
  readonly interface: string;
  readonly password: string;
  /** The path of the shell script that dials. */
  readonly connect: string;
};

/** A dead line is noticed after half a minute at the latest, without waking an idle one often. */
const ECHO_SECONDS = 10;
const ECHO_FAILURES = 3;
/** pppd's own pause between two requests of a negotiation. */
const RESTART_MILLIS = 3_000;

export function pppOptions({ way, interface: device, password, connect }: PppOptions): string {
  // The gateway's own deadline ends a negotiation; pppd's must not come before it.
  const requests = Math.ceil(way.negotiateMillis / RESTART_MILLIS) + 2;
  return [
    way.device,
    `${way.speed}`,
    `connect ${word(`/bin/sh ${shellWord(connect)}`)}`,
    'lock',
    'modem',
    'crtscts',
    // In the foreground, so that its exit status is seen.
    'nodetach',
    'maxfail 1',
    `ifname ${device}`,
    // The provider proves nothing to us, we prove ourselves to it.
    'noauth',
    `user ${word(way.account)}`,
    `password ${word(password)}`,
    'hide-password',
    'noipdefault',
    'nodefaultroute',
    'usepeerdns',
    'noipv6',
    // What goes over the line is encrypted and does not shrink.
    'noccp',
    `lcp-echo-interval ${ECHO_SECONDS}`,
    `lcp-echo-failure ${ECHO_FAILURES}`,
    `lcp-max-configure ${requests}`,
    `ipcp-max-configure ${requests}`,
    // Debian's scripts would rewrite /etc/resolv.conf.
    'ip-up-script /bin/true',
    'ip-down-script /bin/true',
    '',
  ].join('\n');
}

/** For pppd: in quotes only the backslash and the quote itself mean something. */
function word(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
