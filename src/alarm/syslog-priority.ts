/** The syslog priority of an alarm, facility daemon. Source: RFC 5424 section 6.2.1. */

import type { Severity } from '../journal/event.ts';

const DAEMON = 3;
/** `alarm` wants a person now, which is what Alert says. */
const levels: Readonly<Record<Severity, number>> = { alarm: 1, warning: 4, notice: 5, info: 6 };

export function syslogPriority(severity: Severity): number {
  return DAEMON * 8 + levels[severity];
}
