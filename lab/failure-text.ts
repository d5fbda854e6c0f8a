/**
 * What an error has to say, with everything that it wraps: causes, several at once, and those of a scope that failed
 * while it was left.
 *
 * Contract: several lines of text without stack traces.
 */
export function failureText(error: unknown): string {
  return linesOf(error, 0).join('\n');
}

/** Errors that wrap each other in a circle end here. */
const DEEPEST = 5;

function linesOf(error: unknown, depth: number): string[] {
  const indent = '  '.repeat(depth);
  if (!(error instanceof Error)) return [`${indent}${String(error)}`];
  const own = error.message.split('\n').map((line) => `${indent}${line}`);
  if (depth === DEEPEST) return own;
  return [...own, ...innerErrors(error).flatMap((inner) => linesOf(inner, depth + 1))];
}

function innerErrors(error: Error): unknown[] {
  if (error instanceof SuppressedError) return [error.suppressed, error.error];
  if (error instanceof AggregateError) return error.errors;
  return error.cause === undefined ? [] : [error.cause];
}
