/**
 * One JSON document by HTTP or HTTPS POST.
 *
 * Contract: taken when the answer's status is 200 to 299 within the time; redirections are not followed, since what is sent
 * may carry secrets. The answer's body is not read. Messages never have the URL's path or the headers: both may be secrets.
 * Throws: BS_ALARM_UNDELIVERED.
 */
import { BackstayError } from '../errors.ts';

export type WebhookRequest = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutMillis: number;
  /** Breaks it off. */
  readonly stopped: AbortSignal;
};

export async function postWebhook(request: WebhookRequest): Promise<void> {
  const { url, headers, body, timeoutMillis, stopped } = request;
  const late = AbortSignal.timeout(timeoutMillis);
  let status: number;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([late, stopped]),
    });
    status = answer.status;
    await answer.body?.cancel();
  } catch (cause) {
    throw undelivered(reasonOf(cause, late.aborted ? timeoutMillis : undefined), cause);
  }
  if (status < 200 || status > 299) throw undelivered(`it answered with status ${status}`);
}

function reasonOf(error: unknown, timeoutMillis: number | undefined): string {
  if (timeoutMillis !== undefined) return `no answer within ${timeoutMillis / 1000} s`;
  // What fetch throws says "fetch failed"; the cause below knows why.
  const cause = (error as { cause?: NodeJS.ErrnoException }).cause;
  return cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : 'the request failed');
}

function undelivered(message: string, cause?: unknown): BackstayError {
  return new BackstayError('BS_ALARM_UNDELIVERED', message, cause === undefined ? {} : { cause });
}
