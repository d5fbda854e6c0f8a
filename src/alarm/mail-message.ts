/**
 * An alarm as a mail: headers and body, ready for sendmail.
 *
 * Contract: pure; lines end with \n as sendmail wants them; headers are ASCII, whatever names a stranger has. The body is base64, so that no
 * mail server on the way breaks it. Source: RFC 5322, RFC 2045, RFC 3834 (answering machines do not answer).
 */

import { nameSubject } from '../journal/subject.ts';
import { isAtLeast, type SentAlarm } from './alarm.ts';

export type MailPlaces = { readonly from: string; readonly to: readonly string[] };

export function mailMessage(alarm: SentAlarm, gateway: string, { from, to }: MailPlaces): string {
  const headers = [
    `From: Backstay ${gateway} <${from}>`,
    `To: ${to.join(',\n ')}`,
    `Subject: ${ascii(`[${gateway}] ${label(alarm)}: ${cut(alarm.text)}`)}`,
    `Date: ${new Date(alarm.at).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${alarm.sequence}.${Date.parse(alarm.at)}.${gateway}@${from.split('@')[1]}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
  ];
  return `${headers.join('\n')}\n\n${base64Lines(bodyOf(alarm, gateway))}\n`;
}

/** A recovery that is a warning all the same (another link carries what was lost) is told as a warning. */
function label({ role, severity }: SentAlarm): string {
  if (role === 'test') return role;
  return role === 'recovery' && !isAtLeast(severity, 'warning') ? role : severity;
}

function bodyOf(alarm: SentAlarm, gateway: string): string {
  const facts = [
    `Gateway:  ${gateway}`,
    `About:    ${nameSubject(alarm.subject)}`,
    `Event:    ${alarm.kind} (${label(alarm)})`,
    `Time:     ${alarm.at}`,
  ];
  const more = [
    ...(alarm.replaced > 0 ? [`${alarm.replaced} earlier messages about this were left out.`] : []),
    ...(alarm.omitted > 0 ? [`${alarm.omitted} messages about other things were given up.`] : []),
  ];
  const evidence = JSON.stringify(alarm.evidence, undefined, 2);
  return [alarm.text, '', ...facts, ...more, '', `Evidence: ${evidence}`, ''].join('\n');
}

/** Header lines of at most 998 characters are allowed; more than this no reader shows. */
function cut(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}

function ascii(text: string): string {
  return text.replace(/[^ -~]/gu, '?');
}

function base64Lines(text: string): string {
  const bytes = new TextEncoder().encode(text);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return (btoa(binary).match(/.{1,76}/g) ?? []).join('\n');
}
