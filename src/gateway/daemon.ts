/**
 * The daemon: `backstay run`.
 *
 * Contract: everything that can be refused is refused before anything on the machine is changed (configuration, key,
 * privileges, another daemon). SIGTERM, SIGINT and SIGHUP stop it and leave the machine as it was found. What a killed daemon
 * left behind is adopted. A daemon that fails leaves the machine's network to the next start, so that meanwhile nothing
 * for a tunnel leaves unencrypted. The promise resolves when the daemon has stopped.
 */
import { appendFileSync, closeSync, fchmodSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { openApiServer } from '../api/server.ts';
import type { Config } from '../config/index.ts';
import { WorkerHandle } from '../dataplane/worker-handle.ts';
import { BackstayError } from '../errors.ts';
import type { EventDetail } from '../journal/event.ts';
import { Journal } from '../journal/journal.ts';
import { loadConfigFile } from '../linux/config-file.ts';
import { returnFreeMemory } from '../linux/free-memory.ts';
import { readIdentity } from '../linux/identity.ts';
import { lockInstance } from '../linux/instance-lock.ts';
import { JournalFile } from '../linux/journal-file.ts';
import { requirePrivileges } from '../linux/privileges.ts';
import { version } from '../version.ts';
import { type AlarmReceiver, openAlarmReceivers } from './alarm-receivers.ts';
import { Alarms } from './alarms.ts';
import type { GatewayContext } from './context.ts';
import { Gateway } from './gateway.ts';

export type DaemonOptions = {
  /** For a laboratory: a file that ESP keys are written to, mode 0600. */
  readonly keyLogPath?: string;
  /** The packet path is proven and not warmed. */
  readonly quickStart?: boolean;
  /** Called when the gateway runs, with one line to show. */
  readonly onReady?: (line: string) => void;
};

/**
 * What a start leaves is garbage when it is done, and the rest of it by then: 20 MB that would stay for hours in a process that afterwards
 * makes few objects.
 */
const START_IS_OVER_MILLIS = 10_000;
/** What V8's compilers and new keys leave piece by piece would be 1 MB a minute under load until V8 finds it enough. */
const TIDY_MILLIS = 120_000;

export async function runDaemon(configPath: string, options: DaemonOptions = {}): Promise<void> {
  const config = loadConfigFile(configPath);
  const identity = readIdentity(config.gateway.identity);
  const receivers = openAlarmReceivers(config, identity.fingerprint);
  requirePrivileges();
  const lock = await lockInstance(config.gateway.state);
  try {
    await serve(config, identity, receivers, options);
  } finally {
    lock.release();
  }
}

async function serve(
  config: Config,
  identity: GatewayContext['identity'],
  receivers: readonly AlarmReceiver[],
  options: DaemonOptions,
): Promise<void> {
  const keyLog = openKeyLog(options.keyLogPath);
  const { journal, record, close } = openJournal(config);
  const stop = stopSignal();
  const alarms = new Alarms({ config, receivers, journal, record });
  const failedRound: GatewayContext['failedRound'] = (...round) => alarms.failedRound(...round);
  try {
    const parts = { config, identity, record, keyLog: keyLog?.write, failedRound };
    await serveUntil(stop, parts, { journal, alarms }, options);
  } catch (error) {
    const reason = error instanceof BackstayError ? error.line : String(error);
    record({ kind: 'daemonStopping', subject: subjectOf(config), evidence: { reason } });
    throw error;
  } finally {
    await alarms.close();
    stop.forget();
    close();
    keyLog?.close();
  }
}

async function serveUntil(
  stop: StopSignal,
  parts: Omit<GatewayContext, 'worker'>,
  sources: { readonly journal: Journal; readonly alarms: Alarms },
  options: DaemonOptions,
): Promise<void> {
  const { config, record } = parts;
  let gateway: Gateway | undefined;
  const { quickStart = false } = options;
  const worker = await WorkerHandle.start((event) => gateway?.workerEvent(event), stop.because, quickStart);
  try {
    gateway = new Gateway({ ...parts, worker });
    const running = gateway;
    const tidy: NodeJS.Timeout[] = [];
    const api = await openApiServer(config.gateway.socket, { source: running, ...sources, version });
    try {
      record(startedEvent(config));
      await gateway.start();
      // What leaves most behind is the warming, and two collections would take longer than a quick start saves.
      if (!quickStart) {
        returnFreeMemory();
        tidy.push(setTimeout(returnFreeMemory, START_IS_OVER_MILLIS));
      }
      options.onReady?.(`Backstay ${version} runs as ${config.gateway.name}.`);
      tidy.push(setInterval(returnFreeMemory, TIDY_MILLIS, false));
      await runUntil(stop, gateway, parts);
    } finally {
      for (const timer of tidy) clearTimeout(timer);
      await api.close();
    }
  } finally {
    await worker.stop();
  }
}

async function runUntil(
  stop: StopSignal,
  gateway: Gateway,
  { config, record }: Omit<GatewayContext, 'worker'>,
): Promise<void> {
  const reason = await stop.requested;
  if (reason instanceof BackstayError) {
    await gateway.stop('as it is');
    throw reason;
  }
  record({ kind: 'daemonStopping', subject: subjectOf(config), evidence: { reason } });
  await gateway.stop('as found');
}

function openJournal(config: Config): {
  journal: Journal;
  record: (event: EventDetail) => void;
  close(): void;
} {
  const file = new JournalFile(join(config.gateway.state, 'journal.jsonl'));
  const journal = new Journal({ history: file.history });
  file.follow(journal, config.gateway.name);
  return {
    journal,
    record: (event) => journal.record(event, new Date().toISOString()),
    close: () => file.close(),
  };
}

/** SIGHUP: the terminal that it was started from is gone. */
const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

type StopSignal = {
  readonly requested: Promise<string | BackstayError>;
  readonly because: (reason: string | BackstayError) => void;
  readonly forget: () => void;
};

/** Waits for a signal, or for a failure that ends the daemon. */
function stopSignal(): StopSignal {
  const { promise: requested, resolve: because } = Promise.withResolvers<string | BackstayError>();
  const onSignal = (signal: NodeJS.Signals) => because(signal);
  // A defect ends the daemon in order, so that peers are told and the next start finds what it can adopt.
  const onDefect = (error: unknown) => because(defect(error));
  for (const signal of stopSignals) process.on(signal, onSignal);
  process.on('uncaughtException', onDefect).on('unhandledRejection', onDefect);
  return {
    requested,
    because,
    forget: () => {
      for (const signal of stopSignals) process.off(signal, onSignal);
      process.off('uncaughtException', onDefect).off('unhandledRejection', onDefect);
    },
  };
}

function defect(error: unknown): BackstayError {
  if (error instanceof BackstayError) return error;
  return new BackstayError('BS_INTERNAL', error instanceof Error ? `${error.stack}` : String(error), {
    cause: error,
  });
}

function openKeyLog(
  path: string | undefined,
): { readonly write: (line: string) => void; close(): void } | undefined {
  if (path === undefined) return undefined;
  const fd = openPrivately(path);
  return { write: (line) => appendFileSync(fd, `${line}\n`), close: () => closeSync(fd) };
}

/** The file may have been there, with a mode that lets others read. */
function openPrivately(path: string): number {
  try {
    const fd = openSync(path, 'a', 0o600);
    fchmodSync(fd, 0o600);
    return fd;
  } catch (cause) {
    throw new BackstayError('BS_USAGE', 'The key log cannot be written.', { place: path, cause });
  }
}

function startedEvent(config: Config): EventDetail {
  const { links, tunnels } = config;
  const evidence = { version, pid: process.pid, links: links.length, tunnels: tunnels.length };
  return { kind: 'daemonStarted', subject: subjectOf(config), evidence };
}

function subjectOf(config: Config) {
  return { type: 'gateway', name: config.gateway.name } as const;
}
