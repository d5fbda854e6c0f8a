/** The `alarms` section as the rest of the program reads it. Pure; takes a section that has passed all checks. */

import type { AlarmsConfig, SnmpConfig } from './config.ts';
import type { ParsedConfig } from './schema.ts';

type ParsedAlarms = NonNullable<ParsedConfig['alarms']>;

export function resolveAlarms(parsed: ParsedConfig['alarms']): AlarmsConfig {
  return {
    from: parsed?.from ?? 'warning',
    syslog: parsed?.syslog ?? false,
    keepaliveLog: parsed?.['keepalive-log'],
    webhooks: (parsed?.webhooks ?? []).map(({ url, 'headers-file': headersFile }) => ({ url, headersFile })),
    snmp: (parsed?.snmp ?? []).map(resolveSnmp),
    mail: parsed?.mail,
  };
}

function resolveSnmp(parsed: ParsedAlarms['snmp'][number]): SnmpConfig {
  const { to, auth, 'auth-password-file': authFile = '', 'privacy-password-file': privacyFile = '' } = parsed;
  if (parsed.version === '2c') return { to, version: '2c', communityFile: parsed['community-file'] ?? '' };
  return {
    to,
    version: '3',
    user: parsed.user ?? '',
    authentication: auth && { hash: auth, passwordFile: authFile },
    privacy: parsed.privacy === undefined ? undefined : { passwordFile: privacyFile },
    engineId: parsed['engine-id'],
  };
}
