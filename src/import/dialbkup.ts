/**
 * Reads the files of the old dial backup utility: `DialBkup.cfg` (what is polled, how) and the shell script `ppp-on` (account,
 * password and telephone number of the provider).
 *
 * Contract: pure and total but for its errors; a file is taken whole or refused at its first mistake, with file and line, and
 * nothing of a password is ever in a message. Keys are taken in any case of letters, and `Iaddr2` as `Idaddr2`, as both are in
 * use. Throws: BS_IMPORT_NOT_TEXT, BS_IMPORT_TOO_LONG, BS_IMPORT_SYNTAX, BS_IMPORT_KEY_UNKNOWN, BS_IMPORT_KEY_REPEATED,
 * BS_IMPORT_KEY_MISSING, BS_IMPORT_NUMBER, BS_IMPORT_ADDRESS, BS_IMPORT_SHELL, BS_IMPORT_VALUE.
 * Source: S1.10; the seed, [0102] to [0111].
 */

import { BackstayError, type ErrorCode } from '../errors.ts';
import { parseIpAddress } from '../network/ip-address.ts';

export type Polling = {
  /** Between two rounds. */
  readonly delaySeconds: number;
  readonly addresses: readonly [string, string];
  /** Bad rounds that are ignored. */
  readonly retry: number;
  /** Questions per round. */
  readonly frequency: number;
};

export type Provider = { readonly account: string; readonly password: string; readonly telephone: string };

/** Real files have a dozen lines. */
const mostCharacters = 64 * 1024;
const mostValueCharacters = 256;

type Setting = { readonly value: string; readonly line: number };
type Refuse = (code: ErrorCode, line: number | undefined, message: string) => BackstayError;

/** @param file how it is named in errors */
export function readPolling(text: string, file: string): Polling {
  const refuse = refuser(file);
  const lines = linesOf(text, refuse);
  const names = { delay: 'Delay', idaddr1: 'Idaddr1', idaddr2: 'Idaddr2', iaddr2: 'Idaddr2', retry: 'Retry' };
  const known = new Map([...Object.entries(names), ['frequency', 'Frequency']]);
  const settings = new Map<string, Setting>();
  for (const [index, raw] of lines.entries()) {
    const line = index + 1;
    if (/^\s*(?:#|;|$)/.test(raw)) continue;
    const parts = /^\s*(?<key>[A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?<value>.*?)\s*$/.exec(raw)?.groups;
    if (parts === undefined)
      throw refuse('BS_IMPORT_SYNTAX', line, 'The line is not of the form Name=value.');
    const name = known.get((parts['key'] ?? '').toLowerCase());
    if (name === undefined) {
      const all = [...new Set(known.values())].join(', ');
      throw refuse('BS_IMPORT_KEY_UNKNOWN', line, `${parts['key']} is not a setting; there are ${all}.`);
    }
    take(settings, name, { value: parts['value'] ?? '', line }, refuse);
  }
  const number = (name: string, least: number, most: number) =>
    numberOf(name, needed(settings, name, refuse), least, most, refuse);
  const address = (name: string) => addressOf(name, needed(settings, name, refuse), refuse);
  const addresses = [address('Idaddr1'), address('Idaddr2')] as const;
  const second = settings.get('Idaddr2')?.line;
  if (addresses[0] === addresses[1])
    throw refuse(
      'BS_IMPORT_VALUE',
      second,
      'Idaddr2 is the same address as Idaddr1; two machines are to be asked.',
    );
  return {
    // The bounds are those of the probe's settings.
    delaySeconds: number('Delay', 1, 3600),
    addresses,
    retry: number('Retry', 0, 100),
    frequency: number('Frequency', 1, 20),
  };
}

/** Of the script, only plain assignments of the three variables; what else it does is passed over. */
export function readProvider(text: string, file: string): Provider {
  const refuse = refuser(file);
  const settings = new Map<string, Setting>();
  for (const [index, raw] of linesOf(text, refuse).entries()) {
    const line = index + 1;
    const named = /(?<![A-Za-z0-9_$])(?<name>ACCOUNT|PASSWORD|TELEPHONE)\+?=(?<rest>.*)$/.exec(raw);
    if (named?.groups === undefined || /^\s*#/.test(raw)) continue;
    const { name = '', rest = '' } = named.groups;
    const isAlone =
      /^\s*(?:export\s+)?$/.test(raw.slice(0, named.index)) && raw[named.index + name.length] === '=';
    const value = isAlone ? plainValue(rest) : undefined;
    if (value === undefined)
      throw refuse('BS_IMPORT_SHELL', line, `What ${name} becomes takes a shell to find out.`);
    take(settings, name, { value, line }, refuse);
  }
  const [account, password, telephone] = ['ACCOUNT', 'PASSWORD', 'TELEPHONE'].map((name) =>
    needed(settings, name, refuse),
  );
  if (!/^[0-9*#+(),TPWtpw .-]*[0-9][0-9*#+(),TPWtpw .-]*$/.test(telephone?.value ?? ''))
    throw refuse('BS_IMPORT_VALUE', telephone?.line, 'TELEPHONE is not a telephone number.');
  return {
    account: account?.value ?? '',
    password: password?.value ?? '',
    // What modems pass over, and the configuration does not take.
    telephone: (telephone?.value ?? '').replaceAll(/[ ().-]/g, ''),
  };
}

/** A word of the shell without any expansion, and a comment at the most; undefined for all else. */
function plainValue(rest: string): string | undefined {
  const word =
    /^(?:'(?<single>[^']*)'|"(?<double>[^"$`\\]*)"|(?<bare>[^\s'"$`\\;&|<>(){}*?[\]~#!]*(?:#[^\s'"$`\\;&|<>(){}*?[\]~!]*)?))(?<after>\s.*)?$/.exec(
      rest,
    )?.groups;
  if (word === undefined || !/^\s*(?:#.*)?$/.test(word['after'] ?? '')) return undefined;
  return word['single'] ?? word['double'] ?? word['bare'];
}

function linesOf(text: string, refuse: Refuse): string[] {
  if (text.length > mostCharacters)
    throw refuse('BS_IMPORT_TOO_LONG', undefined, `The file has more than ${mostCharacters} characters.`);
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const broken = lines.findIndex((line) => /[\u0000-\u0008\u000b-\u001f\u007f\ufffd]/.test(line));
  if (broken >= 0)
    throw refuse('BS_IMPORT_NOT_TEXT', broken + 1, 'The line has characters that no text has.');
  return lines;
}

function take(settings: Map<string, Setting>, name: string, setting: Setting, refuse: Refuse): void {
  const { value, line } = setting;
  const earlier = settings.get(name);
  if (earlier !== undefined)
    throw refuse('BS_IMPORT_KEY_REPEATED', line, `${name} is there already, in line ${earlier.line}.`);
  if (value === '') throw refuse('BS_IMPORT_VALUE', line, `${name} is empty.`);
  if (value.length > mostValueCharacters)
    throw refuse('BS_IMPORT_TOO_LONG', line, `${name} has more than ${mostValueCharacters} characters.`);
  settings.set(name, setting);
}

function needed(settings: ReadonlyMap<string, Setting>, name: string, refuse: Refuse): Setting {
  const setting = settings.get(name);
  if (setting === undefined) throw refuse('BS_IMPORT_KEY_MISSING', undefined, `${name} is missing.`);
  return setting;
}

function numberOf(
  name: string,
  { value, line }: Setting,
  least: number,
  most: number,
  refuse: Refuse,
): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  const shown = JSON.stringify(value.slice(0, 40));
  throw refuse(
    'BS_IMPORT_NUMBER',
    line,
    `${name} is ${shown}, must be a whole number from ${least} to ${most}.`,
  );
}

function addressOf(name: string, { value, line }: Setting, refuse: Refuse): string {
  const address = parseIpAddress(value);
  const [first = 0] = address?.bytes ?? [];
  // Unspecified, loopback, multicast and reserved: nobody answers from there over a line.
  if (address?.family === 4 && first !== 0 && first !== 127 && first < 224) return address.text;
  const shown = JSON.stringify(value.slice(0, 40));
  throw refuse(
    'BS_IMPORT_ADDRESS',
    line,
    `${name} is ${shown}, must be the IPv4 address of a machine to ask.`,
  );
}

function refuser(file: string): Refuse {
  return (code, line, message) =>
    new BackstayError(code, message, { place: line === undefined ? file : `${file}:${line}` });
}
