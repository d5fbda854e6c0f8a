/** What must fit together within the `alarms` section. */

import { formatEndpoint } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import { type DraftEntries, FirstClaims, indexed } from './draft-entries.ts';
import type { Finding, SettingPath } from './mistake.ts';

type AlarmsDraft = NonNullable<DraftEntries['alarms']>;
type SnmpDraft = NonNullable<NonNullable<AlarmsDraft['snmp']>[number]>;

const ofVersion3 = [
  'user',
  'auth',
  'auth-password-file',
  'privacy',
  'privacy-password-file',
  'engine-id',
] as const;

export const secretsOfVersion: CrossCheck = {
  rule: 'An SNMP receiver has `community-file` with version 2c, and `user` with version 3, and nothing of the other version.',
  check: (entries) =>
    snmpOf(entries, (receiver, path) => {
      switch (receiver.version) {
        case '2c':
          return [
            ...needed(receiver, path, 'community-file', '2c'),
            ...foreign(receiver, path, ofVersion3, '3'),
          ];
        case '3':
          return [
            ...needed(receiver, path, 'user', '3'),
            ...foreign(receiver, path, ['community-file'], '2c'),
          ];
        default:
          return [];
      }
    }),
};

export const privacyNeedsAuth: CrossCheck = {
  rule: 'Of an SNMP receiver, `auth` and `privacy` have their password files, and `privacy` has `auth` beside it.',
  check: (entries) =>
    snmpOf(entries, (receiver, path) => {
      if (receiver.version === '2c') return [];
      const has = (key: keyof SnmpDraft) => Object.hasOwn(receiver, key);
      const lacks = (key: keyof SnmpDraft, other: keyof SnmpDraft): Finding[] =>
        has(key) && !has(other)
          ? [
              {
                path: [...path, key],
                message: `is given without ${other}, must have it beside it`,
                atKey: true,
              },
            ]
          : [];
      return [
        ...lacks('auth', 'auth-password-file'),
        ...lacks('auth-password-file', 'auth'),
        ...lacks('privacy', 'privacy-password-file'),
        ...lacks('privacy-password-file', 'privacy'),
        ...lacks('privacy', 'auth'),
      ];
    }),
};

export const sameReceiver: CrossCheck = {
  rule: 'No webhook and no SNMP receiver is there twice.',
  check: ({ alarms }) => {
    const webhooks = indexed(alarms?.webhooks).map(([index, { url }]) => ({
      path: ['alarms', 'webhooks', index, 'url'],
      key: url,
    }));
    const managers = indexed(alarms?.snmp).map(([index, { to }]) => ({
      path: ['alarms', 'snmp', index, 'to'],
      key:
        to?.address && to.port !== undefined
          ? formatEndpoint({ address: to.address, port: to.port })
          : undefined,
    }));
    return [...repeated(webhooks), ...repeated(managers)];
  },
};

function repeated(receivers: readonly { path: SettingPath; key: string | undefined }[]): Finding[] {
  const seen = new FirstClaims<true>();
  return receivers.flatMap(({ path, key }) =>
    key === undefined || seen.claim(key, true) === undefined
      ? []
      : [{ path, message: 'is in the list already, allowed once' }],
  );
}

function needed(receiver: SnmpDraft, path: SettingPath, key: keyof SnmpDraft, version: string): Finding[] {
  if (Object.hasOwn(receiver, key)) return [];
  return [{ path, message: `has no ${key}, which version ${version} needs` }];
}

function foreign(
  receiver: SnmpDraft,
  path: SettingPath,
  keys: readonly (keyof SnmpDraft)[],
  version: string,
): Finding[] {
  return keys
    .filter((key) => Object.hasOwn(receiver, key))
    .map((key) => ({
      path: [...path, key],
      message: `is for version ${version} only, must be left out`,
      atKey: true,
    }));
}

function snmpOf(
  { alarms }: DraftEntries,
  check: (receiver: SnmpDraft, path: SettingPath) => Finding[],
): Finding[] {
  return indexed(alarms?.snmp).flatMap(([index, receiver]) => check(receiver, ['alarms', 'snmp', index]));
}
