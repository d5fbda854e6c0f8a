/**
 * What chat is told: one script that readies the modem, one that dials, and the shell script by which pppd runs both.
 *
 * Contract: `ChatReport` is what that shell script leaves in a file, as pppd itself only says that connecting failed. Texts are
 * made from checked settings (printable ASCII); what has a meaning to chat is escaped.
 * Source: chat(8); ITU-T V.250 section 6.3.1 (ATD). S1.4.
 */
import { COMMAND_MILLIS } from '../../config/index.ts';

/** Where chat ended, and its exit status. */
export type ChatReport = { readonly script: 'init' | 'dial'; readonly status: number };

/** In this order they are chat's exit statuses from 4 on. */
export const dialAborts = [
  'BUSY',
  'NO CARRIER',
  'NO DIALTONE',
  'NO DIAL TONE',
  'NO ANSWER',
  'ERROR',
  'BLACKLISTED',
  'DELAYED',
] as const;

/** chat's exit status for the first string that ends the script. */
export const firstAbortStatus = 4;

/** Nothing came in time. */
export const timeoutStatus = 3;

export function initScript(init: readonly string[]): string {
  const steps = init.map((command, index) => `${index === 0 ? `''` : 'OK'} ${word(command)}`);
  return lines(['ABORT ERROR', `TIMEOUT ${seconds(COMMAND_MILLIS)}`, ...steps, String.raw`OK \c`]);
}

export function dialScript(phone: string, answerMillis: number): string {
  const tone = /^[tp]/i.test(phone) ? '' : 'T';
  return lines([
    ...dialAborts.map((words) => `ABORT ${word(words)}`),
    `TIMEOUT ${seconds(answerMillis)}`,
    `'' ${word(`ATD${tone}${phone}`)}`,
    String.raw`CONNECT \c`,
  ]);
}

export type ConnectFiles = { readonly init: string; readonly dial: string; readonly report: string };

/** @param chat the program's path */
export function connectScript(chat: string, files: ConnectFiles): string {
  const step = (script: ChatReport['script']) => [
    // -v and -s: what the modem says goes into the log of the attempt; -S: not into that of the system.
    `${shellWord(chat)} -v -s -S -f ${shellWord(files[script])}`,
    'status=$?',
    `echo "${script} $status" > ${shellWord(files.report)}`,
  ];
  return lines([...step('init'), '[ "$status" -eq 0 ] || exit "$status"', ...step('dial'), 'exit "$status"']);
}

/** @returns undefined for what is no report */
export function readChatReport(text: string): ChatReport | undefined {
  const found = /^(init|dial) (\d{1,3})\n?$/.exec(text);
  if (found === null) return undefined;
  return { script: found[1] as ChatReport['script'], status: Number(found[2]) };
}

/** For the shell. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** For chat: a caret makes control characters, a backslash escapes. */
function word(text: string): string {
  return `"${text.replace(/["\\^]/g, '\\$&')}"`;
}

function seconds(millis: number): number {
  return Math.max(1, Math.ceil(millis / 1000));
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
