/**
 * The API's server on its Unix socket.
 *
 * Contract: the socket is for root and its group only (mode 0660), for whoever connects may read everything. A socket
 * file that a killed daemon left is replaced; one that answers is another daemon's: BS_ALREADY_RUNNING. Anything else
 * in its place is left alone: BS_SOCKET_UNUSABLE.
 */

import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { BackstayError } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { AlarmSource } from './alarm-document.ts';
import type { InternetSource } from './internet-status.ts';
import type { LinkSource } from './link-document.ts';
import { createRoutes } from './routes.ts';
import type { StatusSource } from './status.ts';

export type ApiServer = { close(): Promise<void> };

/** sun_path of sockaddr_un, less its final zero; the kernel's message for a longer one names nothing. */
const maxPathBytes = 107;

export async function openApiServer(
  socketPath: string,
  parts: {
    source: StatusSource & LinkSource & InternetSource;
    alarms: AlarmSource;
    journal: Journal;
    version: string;
  },
): Promise<ApiServer> {
  await makeRoom(socketPath);
  const routes = createRoutes(parts.source, parts.alarms, parts.journal, parts.version);
  const server = createAdaptorServer({ fetch: routes.fetch }) as Server;
  await listen(server, socketPath);
  // A request that breaks off is the reader's affair.
  server.on('error', () => {});
  return { close: () => close(server) };
}

async function makeRoom(socketPath: string): Promise<void> {
  if (Buffer.byteLength(socketPath) > maxPathBytes)
    throw unusable(socketPath, `The path is longer than ${maxPathBytes} bytes.`);
  const kind = kindOf(socketPath);
  if (kind === 'other') throw unusable(socketPath, 'A file that is not a socket is in its place.');
  if (kind === 'nothing') return;
  if (await answers(socketPath))
    throw new BackstayError('BS_ALREADY_RUNNING', 'Another daemon answers there.', { place: socketPath });
  try {
    unlinkSync(socketPath);
  } catch (cause) {
    throw unusable(socketPath, 'The socket that an earlier run left cannot be removed.', cause);
  }
}

function kindOf(path: string): 'nothing' | 'socket' | 'other' {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (status === undefined) return 'nothing';
    return status.isSocket() ? 'socket' : 'other';
  } catch (cause) {
    throw unusable(path, 'Its directory cannot be made or read.', cause);
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Only a refusal means that nobody listens; with EACCES or EAGAIN somebody may.
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(unusable(socketPath, 'It cannot be listened on.', cause)));
    server.listen(socketPath, () => {
      try {
        chmodSync(socketPath, 0o660);
        server.removeAllListeners('error');
        resolve();
      } catch (cause) {
        server.close();
        reject(unusable(socketPath, 'Its mode cannot be set.', cause));
      }
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Event streams stay open for ever by themselves.
    server.closeAllConnections();
  });
}

function unusable(place: string, message: string, cause?: unknown): BackstayError {
  const reason = (cause as NodeJS.ErrnoException | undefined)?.code;
  const text = reason === undefined ? message : `${message.slice(0, -1)} (${reason}).`;
  return new BackstayError('BS_SOCKET_UNUSABLE', text, { place, cause });
}
