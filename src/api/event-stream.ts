/**
 * Journal entries as server-sent events, from the HTML standard, section 9.2.
 *
 * Contract: begins with what the query asks for and goes on until the reader leaves; an entry whose count has risen
 * comes again with the same id. A reader who does not keep up is cut off, and goes on from his last id.
 */

import type { Journal, JournalEntry } from '../journal/journal.ts';
import { type EventQuery, maxLimit, selectEvents } from './event-query.ts';

/** Well below the minute after which proxies and middleboxes forget a silent connection. */
const heartbeatMillis = 15_000;
/** Twice the journal, some 8 MB: a reader who is that far behind does not read. */
const maxWaiting = 2 * maxLimit;

/** The body of the answer. */
export function eventStream(journal: Journal, query: EventQuery): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let leave = () => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const send = (text: string) => controller.enqueue(encoder.encode(text));
        // The first bytes tell the reader that the stream is open, also when nothing happens.
        send(': open\n\n');
        for (const entry of selectEvents(journal, withoutGap(query)).entries) send(formatMessage(entry));
        const heartbeat = setInterval(() => send(': still here\n\n'), heartbeatMillis);
        heartbeat.unref();
        const unsubscribe = journal.subscribe((entry) => {
          if ((controller.desiredSize ?? 0) > -maxWaiting) return send(formatMessage(entry));
          leave();
          controller.close();
        });
        leave = () => {
          clearInterval(heartbeat);
          unsubscribe();
        };
      },
      cancel: () => leave(),
    },
    new CountQueuingStrategy({ highWaterMark: 1 }),
  );
}

/** Between the beginning and what happens now nothing may be left out. */
function withoutGap(query: EventQuery): EventQuery {
  return query.start === 'newest' ? query : { ...query, limit: Number.POSITIVE_INFINITY };
}

function formatMessage(entry: JournalEntry): string {
  return `id: ${entry.sequence}\nevent: entry\ndata: ${JSON.stringify(entry)}\n\n`;
}
