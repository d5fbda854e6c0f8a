/**
 * What is wrong in a configuration file, and where.
 *
 * Contract: a mistake's message says what is wrong and what is allowed; it needs no other text to be acted upon.
 */

export type Mistake = {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters (code points), as editors count. */
  readonly column: number;
  /** The setting as the operator would name it, `links.fibre.port`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
};

/** `FILE:LINE:COLUMN path: what is wrong, what is allowed`. */
export function formatMistake(mistake: Mistake): string {
  const path = mistake.path === '' ? '' : `${mistake.path}: `;
  return `${mistake.file}:${mistake.line}:${mistake.column} ${path}${mistake.message}`;
}

export type SettingPath = readonly (string | number)[];

/** A mistake before its place in the text is known. */
export type Finding = {
  readonly path: SettingPath;
  readonly message: string;
  /** Whether the key itself is at fault rather than its value. */
  readonly atKey?: boolean;
};

const plainKey = /^[A-Za-z0-9_-]{1,64}$/;

/** `tunnels.head-office.peer.addresses[1]`; unusual keys are quoted and shortened. */
export function formatPath(path: SettingPath): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      const key = plainKey.test(step) ? step : JSON.stringify(shorten(step, 40));
      return index === 0 ? key : `.${key}`;
    })
    .join('');
}

export function shorten(text: string, maximum: number): string {
  const characters = [...text.slice(0, maximum * 2 + 2)];
  return characters.length <= maximum ? text : `${characters.slice(0, maximum).join('')}…`;
}
