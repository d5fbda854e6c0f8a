/**
 * Why an attempt to dial failed, or a line that was up is gone, from what pppd, chat and the log said.
 *
 * Contract: pure. Every failure has a code of its own kind, words that say what was seen, and when it makes sense to call again.
 * Source: pppd(8), EXIT STATUS; chat(8), TERMINATION CODES. S1.4.
 */
import type { PppWay } from '../../config/index.ts';
import { COMMAND_MILLIS } from '../../config/index.ts';
import type { ErrorCode } from '../../errors.ts';
import { type ChatReport, dialAborts, firstAbortStatus, timeoutStatus } from './chat-script.ts';
import type { PppLog } from './ppp-log.ts';

/** `soon`: after the pause between tries. `later`: with the next dial. `muchLater`: calling again does harm. */
export type Again = 'soon' | 'later' | 'muchLater';

export type DialFailure = { readonly code: ErrorCode; readonly message: string; readonly again: Again };

export type DialEnd = {
  readonly way: PppWay;
  readonly log: PppLog;
  readonly chat: ChatReport | undefined;
  /** pppd's; undefined when it was killed, or is not our child. */
  readonly exitStatus: number | undefined;
  /** The gateway ended it, as the call or the negotiation took longer than it may. */
  readonly tooLate: boolean;
};

/** The far side sends words too. */
const QUOTED_CHARACTERS = 160;

export function judgeDialEnd(end: DialEnd): DialFailure {
  const { log, chat } = end;
  if (log.phase === 'up') return dropped(end, 'The line was up and is lost');
  const ofMachine = machineFailure(end);
  if (ofMachine !== undefined) return ofMachine;
  if (chat !== undefined && chat.status !== 0) return chatFailure(end.way, chat, log);
  return pppFailure(end);
}

/** Before anything was dialled. */
function machineFailure({ way, log, exitStatus }: DialEnd): DialFailure | undefined {
  const { ending } = log;
  if (exitStatus === 4) {
    const message = `pppd says that the kernel has no PPP${said(log)}.`;
    return { code: 'BS_PPP_NO_KERNEL', message, again: 'later' };
  }
  if (exitStatus === 6 || ending?.kind === 'locked') {
    const words = ending === undefined ? said(log) : `: ${quote(ending.words)}`;
    return {
      code: 'BS_MODEM_IN_USE',
      message: `Another program has the modem ${way.device}${words}.`,
      again: 'later',
    };
  }
  if (exitStatus === 7 || ending?.kind === 'noDevice') return modemMissing(way.device, said(log));
  return undefined;
}

export function modemMissing(device: string, words = ''): DialFailure {
  return {
    code: 'BS_MODEM_MISSING',
    message: `The modem's device ${device} cannot be opened${words}.`,
    again: 'later',
  };
}

function chatFailure(way: PppWay, { script, status }: ChatReport, log: PppLog): DialFailure {
  if (script === 'init') {
    if (status === timeoutStatus) {
      const message = `The modem at ${way.device} answered no ${way.init.join(' or ')} within ${COMMAND_MILLIS / 1000} s.`;
      return { code: 'BS_MODEM_SILENT', message, again: 'soon' };
    }
    const message = `The modem at ${way.device} refused one of its commands (${way.init.join(', ')})${said(log)}.`;
    return { code: 'BS_MODEM_ERROR', message, again: 'later' };
  }
  const number = `calling ${way.phone}`;
  if (status === timeoutStatus) {
    const message = `No answer within ${way.answerMillis / 1000} s, ${number}.`;
    return { code: 'BS_DIAL_NO_ANSWER', message, again: 'soon' };
  }
  const words = dialAborts[status - firstAbortStatus];
  const message =
    words === undefined
      ? `chat ended with status ${status}, ${number}${said(log)}.`
      : `The modem says ${words}, ${number}.`;
  return { code: codeOfAbort(words), message, again: words === 'ERROR' ? 'later' : 'soon' };
}

function codeOfAbort(words: (typeof dialAborts)[number] | undefined): ErrorCode {
  switch (words) {
    case 'BUSY':
      return 'BS_DIAL_BUSY';
    case 'NO CARRIER':
      return 'BS_DIAL_NO_CARRIER';
    case 'NO DIALTONE':
    case 'NO DIAL TONE':
      return 'BS_DIAL_NO_DIALTONE';
    case 'NO ANSWER':
      return 'BS_DIAL_NO_ANSWER';
    case 'ERROR':
    case 'BLACKLISTED':
    case 'DELAYED':
      return 'BS_MODEM_ERROR';
    case undefined:
      return 'BS_PPP_FAILED';
  }
}

function pppFailure(end: DialEnd): DialFailure {
  const { way, log, exitStatus, tooLate } = end;
  const { ending } = log;
  if (exitStatus === 19 || ending?.kind === 'refused') {
    const words = ending?.kind === 'refused' ? `: ${quote(ending.words)}` : '';
    const message = `The provider refused account ${way.account} or its password${words}.`;
    return { code: 'BS_PPP_REFUSED', message, again: 'muchLater' };
  }
  if (tooLate && log.phase === 'calling') return endless(way, log);
  if (tooLate || ending?.kind === 'timeout' || exitStatus === 10) {
    const seconds = way.negotiateMillis / 1000;
    const message = `The call was answered, but ${log.step} did not come to an end within ${seconds} s${said(log)}.`;
    return { code: 'BS_PPP_TIMEOUT', message, again: 'soon' };
  }
  if (log.phase === 'negotiating' && (ending !== undefined || exitStatus === 15 || exitStatus === 16))
    return dropped(end, 'The call was answered, and the line dropped before it was of use');
  const status = exitStatus === undefined ? 'was ended' : `ended with status ${exitStatus}`;
  return { code: 'BS_PPP_FAILED', message: `pppd ${status}${said(log)}.`, again: 'later' };
}

/** chat(8) has its own timeouts: one that outlasts them all hangs. */
function endless(way: PppWay, log: PppLog): DialFailure {
  const seconds = (way.init.length * COMMAND_MILLIS + way.answerMillis) / 1000;
  const message = `chat came to no end within ${seconds} s, calling ${way.phone}${said(log)}.`;
  return { code: 'BS_PPP_FAILED', message, again: 'soon' };
}

function dropped({ log, exitStatus }: DialEnd, what: string): DialFailure {
  const { ending } = log;
  const words =
    ending === undefined
      ? exitStatus === undefined
        ? ': pppd is gone'
        : said(log)
      : `: ${quote(ending.words)}`;
  return { code: 'BS_PPP_DROPPED', message: `${what}${words}.`, again: 'soon' };
}

function said({ lastWords }: PppLog): string {
  return lastWords.length === 0 ? '' : `; it said: ${quote(lastWords.slice(-3).join(' / '))}`;
}

function quote(words: string): string {
  return words.replace(/[. ]+$/, '').slice(0, QUOTED_CHARACTERS);
}
