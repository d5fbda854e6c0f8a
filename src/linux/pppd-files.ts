/**
 * The files of one link that is dialled by pppd, in the state directory.
 *
 * Contract: `<state>/ppp/<link>/`, for nobody but the daemon's user (mode 0700, files 0600). `options` holds a password, so
 * `forgetSecrets` is called as soon as pppd has read it. The log is kept for whoever looks for a fault, bounded by `trimLog`.
 */
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/** An attempt writes 2 KiB; a line that lives for months and says something now and then fills the rest. */
const LOG_BYTES = 64 * 1024;
const REPORT_BYTES = 64;

export class PppdFiles {
  readonly directory: string;
  readonly options: string;
  readonly connect: string;
  readonly init: string;
  readonly dial: string;
  readonly report: string;
  readonly log: string;

  constructor(stateDirectory: string, link: string) {
    this.directory = `${stateDirectory}/ppp/${link}`;
    this.options = `${this.directory}/options`;
    this.connect = `${this.directory}/connect`;
    this.init = `${this.directory}/init.chat`;
    this.dial = `${this.directory}/dial.chat`;
    this.report = `${this.directory}/chat-report`;
    this.log = `${this.directory}/log`;
  }

  /** Makes the directory, and clears what an earlier attempt left. @throws as node:fs */
  prepare(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    chmodSync(this.directory, 0o700);
    for (const path of [this.options, this.connect, this.init, this.dial, this.report, this.log])
      rmSync(path, { force: true });
  }

  /** @param path one of this link's; it is not there yet @throws as node:fs */
  write(path: string, text: string): void {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  }

  /** Where it cannot be removed, nobody but the daemon's user can read it all the same. */
  forgetSecrets(): void {
    try {
      rmSync(this.options, { force: true });
    } catch {
      // The file system does not let us; the next attempt tells.
    }
  }

  /** @returns what the log has from there on, at most 64 KiB; nothing when there is no log */
  readLog(from: number): Buffer {
    try {
      const file = openSync(this.log, 'r');
      try {
        const bytes = Buffer.alloc(LOG_BYTES);
        return bytes.subarray(0, readSync(file, bytes, 0, LOG_BYTES, from));
      } finally {
        closeSync(file);
      }
    } catch {
      return Buffer.alloc(0);
    }
  }

  /**
   * Cuts a log that has become too long; pppd appends to what is left.
   * @param summary what a later reader has to know @returns how long the log is now, if it was cut
   */
  trimLog(summary: string): number | undefined {
    try {
      if (statSync(this.log).size <= LOG_BYTES) return undefined;
      const file = openSync(this.log, 'r+');
      ftruncateSync(file, 0);
      writeSync(file, summary, 0);
      closeSync(file);
      return summary.length;
    } catch {
      return undefined;
    }
  }

  readReport(): string {
    try {
      return readFileSync(this.report, 'latin1').slice(0, REPORT_BYTES);
    } catch {
      return '';
    }
  }
}
