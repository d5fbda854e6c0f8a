/**
 * Links that are dialled by modem: tries, waits, watches the line, gives the system its name servers, hangs up.
 *
 * Contract: one pppd per link. A line outlives the daemon and is found again by `adopt`. A line that ends by itself is told once
 * by `lost`, also when nobody but the log saw why. Source: S1.4.
 */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OnDemandStatus } from '../api/status.ts';
import { COMMAND_MILLIS, type PppWay } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import { judgeDialEnd, modemMissing, type DialFailure as TryFailure } from '../link/dial/dial-failure.ts';
import { findProgram } from '../linux/find-program.ts';
import { clearNameServers, setNameServers } from '../linux/name-servers.ts';
import type { DialledLink } from '../linux/on-demand-record.ts';
import { readPasswordFile } from '../linux/password-file.ts';
import { findLine, forgetLine, type PppdLine, startLine } from '../linux/pppd.ts';
import type { DialFailure } from '../tunnel/demand/demand.ts';
import type { LinkDialler, OnDemandLinkConfig } from './link-dialler.ts';

export type PppEvents = {
  /** Another try follows after the pause. */
  readonly tryFailed: (link: string, failure: DialFailure, tries: TryCount) => void;
  readonly lost: (link: string, failure: DialFailure) => void;
  /** Told what the operator has to see to. */
  readonly trouble: (problem: string) => void;
};

export type TryCount = { readonly number: number; readonly of: number; readonly pauseMillis: number };

type Call = {
  readonly way: PppWay;
  readonly device: string;
  readonly number: number;
  line: PppdLine | undefined;
  /** Its end is our doing, or was told already. */
  isOver: boolean;
  /** The system's resolver has its name servers. */
  isServed: boolean;
  timer: NodeJS.Timeout | undefined;
};

/** People wait for a dial that takes seconds; the log is a small file. */
const LOOK_MILLIS = 200;
/** A line that is up changes nothing but its log's length. */
const KEEP_MILLIS = 5_000;
/** pppd tells the addresses and name servers one right after the other. */
const LAST_WORDS_MILLIS = 300;
/** Two requests to end at 3 s each, then pppd goes. systemd gives the whole daemon 15 s. */
const END_MILLIS = 9_000;
/** More than chat's own timeouts: for starting it on a slow machine. */
const CHAT_SPARE_MILLIS = 8_000;

export class PppDialler implements LinkDialler {
  readonly #state: string;
  readonly #events: PppEvents;
  readonly #calls = new Map<string, Call>();

  constructor(stateDirectory: string, events: PppEvents) {
    this.#state = stateDirectory;
    this.#events = events;
  }

  async dial(link: OnDemandLinkConfig, signal: AbortSignal): Promise<DialFailure | undefined> {
    const way = wayOf(link);
    for (let number = 1; ; number += 1) {
      const failure = await this.#try(link, way, number, signal);
      if (failure === undefined) return undefined;
      if (failure.again !== 'soon' || number === way.tries || signal.aborted)
        return asDialFailure(failure, number, way.tries);
      const tries = { number, of: way.tries, pauseMillis: way.pauseMillis };
      this.#events.tryFailed(link.name, asDialFailure(failure), tries);
      await sleep(way.pauseMillis, undefined, { signal }).catch(() => {});
      if (signal.aborted) return asDialFailure(ended);
    }
  }

  /** An earlier run of the daemon has dialled it. */
  adopt(link: OnDemandLinkConfig): void {
    const line = findLine(this.#state, link.name);
    if (line === undefined) {
      const message = 'The line that an earlier run of the daemon dialled is gone.';
      this.#events.lost(link.name, { code: 'BS_PPP_DROPPED', message });
      return;
    }
    const call = this.#begin(link, wayOf(link), 1);
    call.line = line;
    this.#keep(link.name, call, line);
  }

  async hangUp(name: string, link: DialledLink, withinMillis: number): Promise<string | undefined> {
    const call = this.#calls.get(name);
    const line = call?.line ?? findLine(this.#state, name);
    if (call !== undefined) this.#close(call);
    if (line !== undefined) {
      // Side by side: a resolver that hangs must not keep the line up.
      const end = line.end(Math.min(withinMillis, END_MILLIS));
      const [gone] = await Promise.all([end, this.#clear(link.interface)]);
      if (!gone) return 'pppd does not end, not even by SIGKILL';
    }
    forgetLine(this.#state, name);
    this.#calls.delete(name);
    return undefined;
  }

  /** Of a link that is being dialled: how far it is. */
  progress(name: string): Pick<OnDemandStatus, 'dial'> {
    const call = this.#calls.get(name);
    if (call === undefined || call.isOver) return {};
    const phase = call.line?.log.phase ?? 'calling';
    return phase === 'up' ? {} : { dial: { phase, try: call.number, tries: call.way.tries } };
  }

  /** What the far side gave. */
  nameServers(name: string): readonly string[] {
    const call = this.#calls.get(name);
    return call === undefined || call.isOver ? [] : (call.line?.log.nameServers ?? []);
  }

  #begin(link: OnDemandLinkConfig, way: PppWay, number: number): Call {
    const call = {
      way,
      device: link.interface,
      number,
      line: undefined,
      isOver: false,
      isServed: false,
      timer: undefined,
    };
    this.#calls.set(link.name, call);
    return call;
  }

  async #try(
    link: OnDemandLinkConfig,
    way: PppWay,
    number: number,
    signal: AbortSignal,
  ): Promise<TryFailure | undefined> {
    const call = this.#begin(link, way, number);
    const line = await this.#start(link, way);
    if ('code' in line) {
      this.#close(call);
      return line;
    }
    call.line = line;
    const failure = await waitUntilUp(line, way, signal);
    if (failure === undefined) this.#keep(link.name, call, line);
    else this.#close(call);
    return failure;
  }

  async #start({ name, interface: device }: OnDemandLinkConfig, way: PppWay): Promise<PppdLine | TryFailure> {
    const [pppd, chat] = [findProgram('pppd'), findProgram('chat')];
    if (pppd === undefined || chat === undefined) return notInstalled;
    if (!existsSync(way.device)) return modemMissing(way.device, ': there is no such file');
    try {
      const password = readPasswordFile(way.passwordFile);
      const start = { state: this.#state, link: name, interface: device, way, password };
      return (await startLine({ ...start, programs: { pppd, chat } })) ?? notInstalled;
    } catch (error) {
      if (!(error instanceof BackstayError)) throw error;
      const place = error.place === undefined ? '' : `${error.place}: `;
      return { code: error.code, message: `${place}${error.message}`, again: 'later' };
    }
  }

  /** Watches a line that is up, or was found half up. */
  #keep(name: string, call: Call, line: PppdLine): void {
    const look = () => {
      line.look();
      void this.#serve(call, line);
    };
    look();
    call.timer = setInterval(look, KEEP_MILLIS).unref();
    void line.exited.then((exitStatus) => this.#ended(name, call, line, exitStatus));
  }

  async #serve(call: Call, { log }: PppdLine): Promise<void> {
    if (call.isServed || call.isOver || log.phase !== 'up' || log.nameServers.length === 0) return;
    call.isServed = true;
    const failure = await setNameServers(call.device, log.nameServers);
    if (failure !== undefined)
      this.#events.trouble(`The name servers of ${call.device} are not in use: ${failure}`);
  }

  async #ended(name: string, call: Call, line: PppdLine, exitStatus: number | undefined): Promise<void> {
    if (call.isOver) return;
    line.look();
    this.#close(call);
    if (call.isServed) await this.#clear(call.device);
    const end = { way: call.way, log: line.log, chat: line.report(), exitStatus, tooLate: false };
    this.#events.lost(name, asDialFailure(judgeDialEnd(end)));
  }

  #close(call: Call): void {
    call.isOver = true;
    clearInterval(call.timer);
  }

  async #clear(device: string): Promise<void> {
    const failure = await clearNameServers(device);
    if (failure !== undefined)
      this.#events.trouble(`The name servers of ${device} are still entered: ${failure}`);
  }
}

const ended: TryFailure = { code: 'BS_DIAL_FAILED', message: 'The dial was ended.', again: 'later' };

const notInstalled: TryFailure = {
  code: 'BS_PPP_NOT_INSTALLED',
  message: 'pppd and chat are not both installed, or cannot be run.',
  again: 'later',
};

/** @returns why it did not come up, and then pppd is gone */
async function waitUntilUp(
  line: PppdLine,
  way: PppWay,
  signal: AbortSignal,
): Promise<TryFailure | undefined> {
  const callMillis = way.init.length * COMMAND_MILLIS + way.answerMillis + CHAT_SPARE_MILLIS;
  let phase = line.log.phase;
  let deadline = performance.now() + callMillis;
  for (;;) {
    line.look();
    if (line.log.phase !== phase) {
      phase = line.log.phase;
      deadline = performance.now() + way.negotiateMillis;
    }
    if (phase === 'up') {
      await sleep(LAST_WORDS_MILLIS);
      line.look();
      if (line.isAlive) return undefined;
    }
    const isLate = performance.now() > deadline;
    if (!line.isAlive || isLate || signal.aborted) return await endTry(line, way, isLate, signal);
    await sleep(LOOK_MILLIS);
  }
}

async function endTry(
  line: PppdLine,
  way: PppWay,
  isLate: boolean,
  signal: AbortSignal,
): Promise<TryFailure> {
  const wasAlive = line.isAlive;
  if (wasAlive) await line.end(END_MILLIS);
  const exitStatus = line.isAlive ? undefined : await line.exited;
  line.look();
  if (wasAlive && signal.aborted) return ended;
  // What pppd says when it is told to end is not why it failed.
  const status = wasAlive ? undefined : exitStatus;
  return judgeDialEnd({ way, log: line.log, chat: line.report(), exitStatus: status, tooLate: isLate });
}

function wayOf({ name, onDemand }: OnDemandLinkConfig): PppWay {
  if (onDemand.way.kind !== 'ppp') throw new TypeError(`link ${name} has no modem`);
  return onDemand.way;
}

function asDialFailure({ code, message, again }: TryFailure, number = 1, of = 1): DialFailure {
  const counted = of === 1 || number === 1 ? message : `${message} That was try ${number} of ${of}.`;
  return { code, message: counted, ...(again === 'muchLater' && { lasting: true }) };
}
