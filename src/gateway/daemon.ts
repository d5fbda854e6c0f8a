/**
 * The daemon: `backstay run`.
 *
 * Contract: everything that can be refused is refused before anything on the machine is changed (configuration, key,
 * privileges, another daemon). SIGTERM and SIGINT stop it and leave the machine as it was found. What a killed daemon
 * left behind is adopted. The promise resolves when the daemon has stopped.
 */
import { appendFileSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { openApiServer } from '../api/server.ts';
import type { Config } from '../config/index.ts';
import { WorkerHandle } from '../dataplane/worker-handle.ts';
import { BackstayError } from '../errors.ts';
import type { EventDetail } from '../journal/event.ts';
import { Journal } from '../journal/journal.ts';
import { loadConfigFile } from '../linux/config-file.ts';
import { readIdentity } from '../linux/identity.ts';
import { lockInstance } from '../linux/instance-lock.ts';
import { JournalFile } from '../linux/journal-file.ts';
import { requirePrivileges } from '../linux/privileges.ts';
import { version } from '../version.ts';
import type { GatewayContext } from './context.ts';
import { Gateway } from './gateway.ts';

export type DaemonOptions = {
  /** For a laboratory: a file that ESP keys are written to, mode 0600. */
  readonly keyLogPath?: string;
  /** Called when the gateway runs, with one line to show. */
  readonly onReady?: (line: string) => void;
};

export async function runDaemon(configPath: string, options: DaemonOptions = {}): Promise<void> {
  const config = loadConfigFile(configPath);
  const identity = readIdentity(config.gateway.identity);
  requirePrivileges();
  const lock = await lockInstance(config.gateway.state);
  try {
    await serve(config, identity, options);
  } finally {
    lock.release();
  }
}

async function serve(
  config: Config,
  identity: GatewayContext['identity'],
  options: DaemonOptions,
): Promise<void> {
  const { journal, record, close } = openJournal(config);
  const stop = stopSignal();
  const worker = await WorkerHandle.start(
    (event) => gateway?.workerEvent(event),
    (error) => stop.because(error),
  );
  const keyLog = openKeyLog(options.keyLogPath);
  let gateway: Gateway | undefined;
  try {
    gateway = new Gateway({ config, identity, worker, record, keyLog });
    const running = gateway;
    const api = await openApiServer(config.gateway.socket, {
      source: { status: () => running.status() },
      journal,
      version,
    });
    try {
      record(startedEvent(config));
      await gateway.start();
      options.onReady?.(`Backstay ${version} runs as ${config.gateway.name}.`);
      const reason = await stop.requested;
      record({ kind: 'daemonStopping', subject: subjectOf(config), evidence: { reason: String(reason) } });
      await gateway.stop();
      if (reason instanceof BackstayError) throw reason;
    } finally {
      await api.close();
    }
  } finally {
    stop.forget();
    await worker.stop();
    close();
  }
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

/** Waits for a signal, or for a failure that ends the daemon. */
function stopSignal() {
  let because: (reason: string | BackstayError) => void = () => {};
  const requested = new Promise<string | BackstayError>((resolve) => {
    because = resolve;
  });
  const onSignal = (signal: NodeJS.Signals) => because(signal);
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return {
    requested,
    because,
    forget: () => {
      process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    },
  };
}

function openKeyLog(path: string | undefined): ((line: string) => void) | undefined {
  if (path === undefined) return undefined;
  const fd = openSync(path, 'a', 0o600);
  return (line) => appendFileSync(fd, `${line}\n`);
}

function startedEvent(config: Config): EventDetail {
  const { links, tunnels } = config;
  const evidence = { version, pid: process.pid, links: links.length, tunnels: tunnels.length };
  return { kind: 'daemonStarted', subject: subjectOf(config), evidence };
}

function subjectOf(config: Config) {
  return { type: 'gateway', name: config.gateway.name } as const;
}
