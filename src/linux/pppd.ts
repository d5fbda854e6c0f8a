/**
 * One attempt to dial by pppd and chat, and the line that comes of it.
 *
 * Contract: `startLine` writes the files and starts pppd; `findLine` finds what an earlier daemon started. A `PppdLine` tells
 * how far it is by what pppd and chat said. Nothing secret is on a command line or in the log. Throws: BS_STATE_UNWRITABLE.
 * Source: S1.4.
 */
import type { PppWay } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import {
  type ChatReport,
  connectScript,
  dialScript,
  initScript,
  readChatReport,
} from '../link/dial/chat-script.ts';
import { PppLog } from '../link/dial/ppp-log.ts';
import { pppOptions } from '../link/dial/ppp-options.ts';
import { PppdFiles } from './pppd-files.ts';
import { PppdProcess } from './pppd-process.ts';

export class PppdLine {
  readonly exited: Promise<number | undefined>;
  readonly log = new PppLog();
  readonly #process: PppdProcess;
  readonly #files: PppdFiles;
  #readBytes = 0;

  constructor(process: PppdProcess, files: PppdFiles) {
    this.#process = process;
    this.#files = files;
    this.exited = process.exited;
    this.look();
  }

  get isAlive(): boolean {
    return this.#process.isAlive;
  }

  /** Reads on in the log; what is too long is cut, after it was read. */
  look(): void {
    const bytes = this.#files.readLog(this.#readBytes);
    this.#readBytes += bytes.length;
    this.log.read(bytes.toString('latin1'));
    if (this.log.phase !== 'calling') this.#files.forgetSecrets();
    this.#readBytes = this.#files.trimLog(this.log.summary()) ?? this.#readBytes;
  }

  report(): ChatReport | undefined {
    return readChatReport(this.#files.readReport());
  }

  /** @returns whether pppd is gone */
  async end(withinMillis: number): Promise<boolean> {
    const gone = await this.#process.end(withinMillis);
    this.#files.forgetSecrets();
    this.look();
    return gone;
  }
}

export type LineStart = {
  readonly state: string;
  readonly link: string;
  readonly interface: string;
  readonly way: PppWay;
  readonly password: string;
  readonly programs: { readonly pppd: string; readonly chat: string };
};

/** @returns undefined when pppd cannot be run */
export async function startLine(start: LineStart): Promise<PppdLine | undefined> {
  const { state, link, way, password, programs } = start;
  const files = new PppdFiles(state, link);
  try {
    files.prepare();
    files.write(files.init, initScript(way.init));
    files.write(files.dial, dialScript(way.phone, way.answerMillis));
    files.write(files.connect, connectScript(programs.chat, files));
    const { connect } = files;
    files.write(files.options, pppOptions({ way, interface: start.interface, password, connect }));
    const process = await PppdProcess.start(programs.pppd, files.options, files.log);
    return process && new PppdLine(process, files);
  } catch (cause) {
    files.forgetSecrets();
    const why = cause instanceof Error ? cause.message : String(cause);
    const place = files.directory;
    throw new BackstayError('BS_STATE_UNWRITABLE', `${place} can't be written: ${why}.`, { place, cause });
  }
}

/** The line of this link that is being dialled or up. */
export function findLine(state: string, link: string): PppdLine | undefined {
  const files = new PppdFiles(state, link);
  const process = PppdProcess.find(files.options);
  return process && new PppdLine(process, files);
}

/** What is left when no pppd runs any more. */
export function forgetLine(state: string, link: string): void {
  new PppdFiles(state, link).forgetSecrets();
}
