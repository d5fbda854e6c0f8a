/** One finding of the doctor: what was looked at, what was found, and what to do about it. */

export type CheckStatus = 'ok' | 'warning' | 'problem';

/** `remedy` is there unless all is well. */
export type Check = {
  readonly name: string;
  readonly status: CheckStatus;
  readonly found: string;
  readonly remedy: string | undefined;
};

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found, remedy: undefined };
}

/** It works, but worse than it could. */
export function warning(name: string, found: string, remedy: string): Check {
  return { name, status: 'warning', found, remedy };
}

/** It will not work. */
export function problem(name: string, found: string, remedy: string): Check {
  return { name, status: 'problem', found, remedy };
}
