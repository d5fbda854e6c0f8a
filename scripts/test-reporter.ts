/**
 * A node:test reporter that writes one JSON line per test to where the runner reads it. Suites are left out, and so
 * are tests that failed only because one of their subtests did: each failure counts once.
 */

import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export type TestLine = { outcome: 'passed' | 'failed' | 'skipped'; name: string; error?: string };

export default async function* (source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const line = toLine(event);
    if (line !== undefined) yield `${JSON.stringify(line)}\n`;
  }
}

function toLine(event: TestEvent): TestLine | undefined {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return undefined;
  const { name, skip, todo, details } = event.data;
  const isSuite = details.type === 'suite';
  if (skip !== undefined || todo !== undefined) return isSuite ? undefined : { outcome: 'skipped', name };
  if (event.type === 'test:pass') return isSuite ? undefined : { outcome: 'passed', name };
  const error = event.data.details.error as { failureType?: string; cause?: unknown };
  if (error.failureType === 'subtestsFailed') return undefined;
  return { outcome: 'failed', name, error: inspect(error.cause ?? error, { depth: 4 }) };
}
