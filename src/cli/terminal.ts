/**
 * Where a command writes to, and whether colours are welcome there. Tests give their own.
 */

export type Paint = (text: string) => string;

/** The colours by meaning. */
export type Palette = {
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
  readonly faint: Paint;
  readonly strong: Paint;
};

export type Terminal = {
  /** Standard output; the text brings its own line breaks. */
  readonly out: (text: string) => void;
  /** Standard error. */
  readonly error: (text: string) => void;
  readonly palette: Palette;
  readonly isTty: boolean;
};

const plain: Paint = (text) => text;
export const noColours: Palette = { good: plain, bad: plain, warn: plain, faint: plain, strong: plain };

/** SGR codes of ECMA-48. */
export const colours: Palette = {
  good: sgr(32),
  bad: sgr(31),
  warn: sgr(33),
  faint: sgr(2),
  strong: sgr(1),
};

/** The terminal of this process; no colours when it is not one, or with NO_COLOR (no-color.org). */
export function processTerminal(): Terminal {
  const isTty = process.stdout.isTTY === true;
  const noColour = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb';
  // The reader of a pipe may leave at any time, as `head` does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
    palette: isTty && !noColour ? colours : noColours,
    isTty,
  };
}

function sgr(code: number): Paint {
  return (text) => `\u001b[${code}m${text}\u001b[0m`;
}
