/**
 * The addresses of the API, version 1; docs/api.md is their reference.
 *
 * Contract: every answer is JSON, except the event stream. A failure is `{error: {code, message, place}}` with a code
 * of the catalogue; a room that throws costs one answer, never the daemon.
 */

import { type Context, Hono } from 'hono';
import { BackstayError, type ErrorCode } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { AlarmSource } from './alarm-document.ts';
import { type EventQuery, parseEventQuery, selectEvents } from './event-query.ts';
import { eventStream } from './event-stream.ts';
import type { InternetSource } from './internet-status.ts';
import type { LinkSource } from './link-document.ts';
import type { StatusSource } from './status.ts';

export type ErrorDocument = { error: { code: ErrorCode; message: string; place?: string } };
export type VersionDocument = { version: string; api: 1 };

export function createRoutes(
  source: StatusSource & LinkSource & InternetSource,
  alarms: AlarmSource,
  journal: Journal,
  version: string,
): Hono {
  const routes = new Hono();
  routes.get('/v1/version', (context) => context.json<VersionDocument>({ version, api: 1 }));
  routes.get('/v1/status', async (context) => context.json(await source.status()));
  routes.get('/v1/events', (context) => context.json(selectEvents(journal, queryOf(context))));
  routes.get('/v1/events/stream', (context) => {
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
    return context.body(eventStream(journal, queryOf(context)), 200, headers);
  });
  routes.get('/v1/links/:name', (context) => context.json(source.explainLink(context.req.param('name'))));
  routes.get('/v1/links/:name/trial', (context) =>
    context.json(source.tryLink(context.req.param('name'), context.req.query())),
  );
  routes.post('/v1/alarms/test', async (context) => context.json(await alarms.testAlarms()));
  routes.post('/v1/links/:name/use', (context) => {
    source.useLink(context.req.param('name'));
    return context.json({});
  });
  routes.post('/v1/internet/release', (context) => {
    source.releaseLink();
    return context.json({});
  });
  routes.notFound((context) => {
    const place = `${context.req.method} ${context.req.path}`;
    return failure(context, new BackstayError('BS_API_NOT_FOUND', 'There is nothing here.', { place }));
  });
  routes.onError((error, context) => failure(context, error));
  return routes;
}

function queryOf(context: Context): EventQuery {
  // A reader of the stream that reconnects says by itself where it was.
  const since = context.req.header('last-event-id') ?? context.req.query('since');
  return parseEventQuery(since, context.req.query('limit'));
}

function failure(context: Context, error: unknown): Response {
  const known =
    error instanceof BackstayError
      ? error
      : new BackstayError('BS_INTERNAL', error instanceof Error ? error.message : String(error));
  const { code, message, place } = known;
  const body: ErrorDocument = { error: { code, message, ...(place === undefined ? {} : { place }) } };
  return context.json(body, httpStatus(code));
}

function httpStatus(code: ErrorCode): 400 | 404 | 500 {
  switch (code) {
    case 'BS_ALARM_NO_RECEIVER':
    case 'BS_API_BAD_REQUEST':
    case 'BS_INTERNET_LINK_UNUSABLE':
    case 'BS_INTERNET_NONE':
    case 'BS_LINK_NOT_PROBED':
      return 400;
    case 'BS_API_NOT_FOUND':
    case 'BS_LINK_UNKNOWN':
      return 404;
    default:
      return 500;
  }
}
