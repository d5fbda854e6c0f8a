/**
 * Those who are told of alarms, by the configuration: how each is reached, with the secrets that it takes.
 *
 * Contract: all secrets are read when the receivers are made, so that a bad one is refused before anything begins. `deliver`
 * rejects when the receiver did not take the alarm, within a bounded time. A receiver's name is unique and holds no secret.
 * Throws: BS_SECRET_MISSING, BS_SECRET_UNREADABLE, BS_SECRET_EXPOSED, BS_SECRET_INVALID. Source: S1.7.
 */
import { randomInt } from 'node:crypto';
import type { SentAlarm } from '../alarm/alarm.ts';
import { parseHeaderLines } from '../alarm/header-lines.ts';
import { mailMessage } from '../alarm/mail-message.ts';
import { communityMessage, usmMessage } from '../alarm/snmp/snmp-message.ts';
import { trapPdu } from '../alarm/snmp/trap-pdu.ts';
import { syslogPriority } from '../alarm/syslog-priority.ts';
import { webhookDocument } from '../alarm/webhook-document.ts';
import type { Config, SnmpConfig } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import type { Identity } from '../linux/identity.ts';
import { readSecretFile, readSecretLine } from '../linux/secret-file.ts';
import { sendMail } from '../linux/sendmail.ts';
import { localisedKey, sendTrap, usmAuthentication, usmPrivacy } from '../linux/snmp-trap.ts';
import { sendSyslog } from '../linux/syslog-socket.ts';
import { postWebhook } from '../linux/webhook-post.ts';
import { formatEndpoint } from '../network/ip-address.ts';
import { version } from '../version.ts';

export type AlarmReceiver = {
  readonly name: string;
  /** What an operator needs to set the receiver up. */
  readonly note?: string;
  readonly deliver: (alarm: SentAlarm, run: DeliveryRun) => Promise<void>;
};

/** Of the daemon, as an SNMP engine and otherwise. */
export type DeliveryRun = {
  readonly boots: number;
  readonly upMillis: number;
  /** Breaks off what is under way. */
  readonly stopped: AbortSignal;
};

/** Where the machine has what every machine has. */
export type Places = {
  readonly syslog: string;
  readonly sendmail: string;
  readonly timeoutMillis: number;
};

/** Longer than a busy server takes; a receiver that swallows everything costs nobody else this time. */
const usualPlaces: Places = { syslog: '/dev/log', sendmail: '/usr/sbin/sendmail', timeoutMillis: 10_000 };

export function openAlarmReceivers(
  { gateway: { name }, alarms }: Pick<Config, 'gateway' | 'alarms'>,
  fingerprint: Identity['fingerprint'],
  places: Places = usualPlaces,
): AlarmReceiver[] {
  const { mail } = alarms;
  const receivers = [
    ...(alarms.syslog ? [syslogReceiver(places)] : []),
    ...alarms.webhooks.map((webhook) => webhookReceiver(webhook, name, places)),
    ...alarms.snmp.map((snmp) => snmpReceiver(snmp, name, fingerprint)),
    ...(mail === undefined ? [] : [mailReceiver(mail, name, places)]),
  ];
  return receivers.map((receiver, index) => ({ ...receiver, name: uniqueName(receivers, index) }));
}

/** Two webhooks of one server: the path tells them apart, but may be a secret. */
function uniqueName(receivers: readonly AlarmReceiver[], index: number): string {
  const name = receivers[index]?.name ?? '';
  const before = receivers.slice(0, index).filter((other) => other.name === name).length;
  return before === 0 ? name : `${name} (${before + 1})`;
}

function syslogReceiver({ syslog }: Places): AlarmReceiver {
  return {
    name: 'syslog',
    deliver: async ({ severity, at, text }) =>
      sendSyslog(syslog, syslogPriority(severity), new Date(at), text),
  };
}

function webhookReceiver(
  { url, headersFile }: Config['alarms']['webhooks'][number],
  gateway: string,
  { timeoutMillis }: Places,
): AlarmReceiver {
  const headers = { 'user-agent': `backstay/${version}`, ...readHeaders(headersFile) };
  return {
    name: `webhook ${new URL(url).origin}`,
    deliver: (alarm, { stopped }) => {
      const body = JSON.stringify(webhookDocument(alarm, gateway));
      return postWebhook({ url, headers, body, timeoutMillis, stopped });
    },
  };
}

function readHeaders(path: string | undefined): Readonly<Record<string, string>> {
  if (path === undefined) return {};
  const parsed = parseHeaderLines(readSecretFile(path));
  if ('headers' in parsed) return parsed.headers;
  const message =
    'This line is no header of the form `Name: value`, or one that is there already or not allowed.';
  throw new BackstayError('BS_SECRET_INVALID', message, { place: `${path}:${parsed.wrongLine}` });
}

function mailReceiver(
  { from, to }: NonNullable<Config['alarms']['mail']>,
  gateway: string,
  { sendmail: program, timeoutMillis }: Places,
): AlarmReceiver {
  return {
    name: `mail ${to.join(', ')}`,
    deliver: (alarm, { stopped }) => {
      const message = mailMessage(alarm, gateway, { from, to });
      return sendMail({ program, from, to, message, timeoutMillis, stopped });
    },
  };
}

function snmpReceiver(
  config: SnmpConfig,
  gateway: string,
  fingerprint: Identity['fingerprint'],
): AlarmReceiver {
  const name = `snmp ${formatEndpoint(config.to)}`;
  const compose = config.version === '2c' ? composerOf2c(config) : composerOf3(config, fingerprint);
  return {
    name,
    ...(config.version === '3' && { note: `engine 0x${engineId(config, fingerprint)}` }),
    deliver: (alarm, run) => {
      const pdu = trapPdu(alarm, gateway, Math.floor(run.upMillis / 10), randomInt(2 ** 31 - 1));
      return sendTrap(config.to, compose(pdu, run));
    },
  };
}

type Composer = (pdu: Uint8Array, run: Pick<DeliveryRun, 'boots' | 'upMillis'>) => Uint8Array;

function composerOf2c({ communityFile }: Extract<SnmpConfig, { version: '2c' }>): Composer {
  const community = readSecretLine(communityFile, 1);
  return (pdu) => communityMessage(community, pdu);
}

/** RFC 3414 section 11.2. */
const LEAST_PASSWORD = 8;

function composerOf3(
  config: Extract<SnmpConfig, { version: '3' }>,
  fingerprint: Identity['fingerprint'],
): Composer {
  const { user, authentication, privacy } = config;
  const engine = Uint8Array.from(Buffer.from(engineId(config, fingerprint), 'hex'));
  const key = (passwordFile: string) =>
    localisedKey(authentication?.hash ?? 'sha256', readSecretLine(passwordFile, LEAST_PASSWORD), engine);
  const sign = authentication && usmAuthentication(authentication.hash, key(authentication.passwordFile));
  const hide = privacy && usmPrivacy(key(privacy.passwordFile));
  return (pdu, { boots, upMillis }) => {
    const timeSeconds = Math.floor(upMillis / 1000);
    const sender = { user, engineId: engine, boots, timeSeconds, authentication: sign, privacy: hide?.() };
    return usmMessage(sender, randomInt(2 ** 31 - 1), pdu);
  };
}

/** Net-SNMP's enterprise number, as the MIB is below its arc, with the first bit set; 5: octets that the enterprise chose. */
const engineIdPrefix = '80001f8805';
const ENGINE_ID_BYTES = 16;

/** Made from the public key: the same as long as the gateway is. Source: RFC 3411, SnmpEngineID. */
function engineId(
  { engineId: given }: Extract<SnmpConfig, { version: '3' }>,
  fingerprint: Identity['fingerprint'],
): string {
  const digest = Buffer.from(fingerprint.slice('SHA256:'.length), 'base64url');
  return given ?? engineIdPrefix + digest.subarray(0, ENGINE_ID_BYTES).toString('hex');
}
