/**
 * Reads what pppd and chat say during an attempt: how far it is, what the line was given, and how it ended.
 *
 * Contract: text comes in pieces of any size, from programs and a far end that may say anything; what is kept is bounded and
 * holds printable characters only. Lines that mean nothing here are kept as the last words and otherwise ignored.
 * Source: the messages of pppd 2.4.9 and 2.5 (main.c, auth.c, lcp.c, ipcp.c, tty.c).
 */
import { parseIpAddress } from '../../network/ip-address.ts';

/** `calling`: the modem readies itself and dials; `negotiating`: both ends talk PPP. */
export type PppPhase = 'calling' | 'negotiating' | 'up';

/** What of PPP was being agreed upon. */
export type PppStep = 'LCP' | 'authentication' | 'IPCP';

export type PppEnding = {
  readonly kind: 'refused' | 'timeout' | 'hungUp' | 'terminated' | 'noEchoes' | 'noDevice' | 'locked';
  readonly words: string;
};

/** Longer lines say nothing that is looked for. */
const LINE_CHARACTERS = 300;
const KEPT_LINES = 6;

export class PppLog {
  phase: PppPhase = 'calling';
  step: PppStep = 'LCP';
  interface: string | undefined;
  localAddress: string | undefined;
  peerAddress: string | undefined;
  /** The first thing that went wrong. */
  ending: PppEnding | undefined;
  readonly #nameServers: string[] = [];
  readonly #last: string[] = [];
  #rest = '';

  get nameServers(): readonly string[] {
    return this.#nameServers;
  }

  /** The last that was said, oldest first. */
  get lastWords(): readonly string[] {
    return this.#last;
  }

  /** A log from which a reader learns what this one has learnt. */
  summary(): string {
    if (this.phase === 'calling') return '';
    const facts: [string, string | undefined][] = [
      ['Using interface', this.interface],
      ['local  IP address', this.localAddress],
      ['remote IP address', this.peerAddress],
      ['primary   DNS address', this.#nameServers[0]],
      ['secondary DNS address', this.#nameServers[1]],
    ];
    const known = facts.filter(([, value]) => value !== undefined);
    return ['Serial connection established.', ...known.map((fact) => fact.join(' '))]
      .map((it) => `${it}\n`)
      .join('');
  }

  read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(-4 * LINE_CHARACTERS);
    for (const line of lines) this.#readLine(printable(line));
  }

  #readLine(line: string): void {
    if (line === '') return;
    this.#last.push(line);
    if (this.#last.length > KEPT_LINES) this.#last.shift();
    if (this.phase === 'calling') this.#readCalling(line);
    else this.#readNegotiating(line);
    const ending = endingOf(line);
    // What the modem says while it dials proves nothing about PPP.
    if (this.phase !== 'calling' || ending?.kind === 'locked' || ending?.kind === 'noDevice')
      this.ending ??= ending;
  }

  #readCalling(line: string): void {
    if (line === 'Serial connection established.') this.phase = 'negotiating';
  }

  #readNegotiating(line: string): void {
    const [, device] = /^Using interface ([\w.-]{1,15})$/.exec(line) ?? [];
    if (device !== undefined) this.interface = device;
    if (/^(CHAP|PAP|EAP) authentication succeeded/.test(line)) this.step = 'IPCP';
    const [, what, text = ''] =
      /^(local {2}IP|remote IP|primary {3}DNS|secondary DNS) address (\S+)$/.exec(line) ?? [];
    const address = what === undefined ? undefined : parseIpAddress(text);
    if (address === undefined) return;
    switch (what) {
      case 'local  IP':
        this.localAddress = address.text;
        this.phase = 'up';
        break;
      case 'remote IP':
        this.peerAddress = address.text;
        break;
      default:
        if (
          isServer(address.bytes) &&
          !this.#nameServers.includes(address.text) &&
          this.#nameServers.length < 2
        )
          this.#nameServers.push(address.text);
    }
  }
}

const endings: readonly (readonly [pattern: RegExp, kind: PppEnding['kind']])[] = [
  [/^(?:CHAP|PAP|EAP)? ?authentication failed\b/i, 'refused'],
  [/^(?:LCP|IPCP|CHAP|PAP|EAP): timeout|^(?:LCP|IPCP): timeout sending/, 'timeout'],
  [/^LCP terminated by peer/, 'terminated'],
  [/^No response to \d+ echo-requests/, 'noEchoes'],
  [/^(?:Modem hangup|Hangup \(SIGHUP\))/, 'hungUp'],
  [/^Device \S+ is locked by pid \d+/, 'locked'],
  [/^Failed to open \S+:|unrecognized option '\/dev\//, 'noDevice'],
];

function endingOf(line: string): PppEnding | undefined {
  const found = endings.find(([pattern]) => pattern.test(line));
  return found && { kind: found[1], words: line };
}

/** As chat writes control characters, `^M` at the ends of lines. */
function printable(line: string): string {
  return line
    .slice(0, LINE_CHARACTERS)
    .replace(/[^\x20-\x7e]/g, ' ')
    .replaceAll('^M', '')
    .trim();
}

/** Providers without a server of their own give 0.0.0.0; nothing else that is no machine's address is taken either. */
function isServer(bytes: Uint8Array): boolean {
  const [first = 0] = bytes;
  return bytes.length === 4 && first !== 0 && first !== 127 && first < 224;
}
