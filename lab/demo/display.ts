/**
 * The demonstration as a person watches it: the progress, and what each link carries at this moment.
 *
 * Contract: on a terminal the panel is drawn anew in place, and what is said appears above it; elsewhere it is a line
 * per second. `frame` is pure apart from the palette, and gives the panel's lines.
 */
import type { Palette, Terminal } from '../../src/cli/terminal.ts';

export type LinkSample = {
  readonly name: string;
  /** What the tunnel sends by it, in Mbit/s. */
  readonly mbit: number;
  readonly share: number;
  /** The states of the tunnel's paths over it. */
  readonly states: readonly string[];
};

export type Sample = {
  readonly elapsedSeconds: number;
  readonly bytes: number;
  readonly totalBytes: number;
  /** Of the file, at the receiver, since the last sample. */
  readonly mbit: number;
  readonly links: readonly LinkSample[];
};

const BAR_WIDTH = 40;
const LINE_SECONDS = 1;

export class Display {
  readonly #terminal: Terminal;
  #drawn = 0;
  #lastLineAt = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** A line that stays. */
  say(text: string): void {
    this.#erase();
    this.#terminal.out(`${text}\n`);
  }

  show(sample: Sample): void {
    if (!this.#terminal.isTty) return this.#showLine(sample);
    const lines = frame(sample, this.#terminal.palette);
    this.#erase();
    this.#terminal.out(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }

  /** What follows is no longer drawn over. */
  settle(): void {
    this.#drawn = 0;
  }

  #showLine(sample: Sample): void {
    if (sample.elapsedSeconds - this.#lastLineAt < LINE_SECONDS) return;
    this.#lastLineAt = sample.elapsedSeconds;
    const links = sample.links.map((link) => `${link.name} ${percent(link.share)} (${stateOf(link)})`);
    this.#terminal.out(`${progressText(sample)}  ${links.join('  ')}\n`);
  }

  #erase(): void {
    if (this.#drawn > 0) this.#terminal.out(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }
}

export function frame(sample: Sample, palette: Palette): string[] {
  const fastest = Math.max(1, ...sample.links.map(({ mbit }) => mbit));
  const width = Math.max(...sample.links.map(({ name }) => name.length));
  return [
    `  ${palette.strong(bar(sample.bytes / sample.totalBytes))}  ${progressText(sample)}`,
    ...sample.links.map((link) => {
      const state = stateOf(link);
      const paint = state === 'up' ? palette.good : palette.bad;
      const figures = `${link.mbit.toFixed(0).padStart(4)} Mbit/s ${percent(link.share).padStart(5)}`;
      return `  ${paint(bar(link.mbit / fastest))}  ${link.name.padEnd(width)} ${figures}  ${paint(state)}`;
    }),
  ];
}

function progressText({ bytes, totalBytes, mbit, elapsedSeconds }: Sample): string {
  const done = percent(bytes / totalBytes).padStart(5);
  return `${done}  ${megabytes(bytes)} of ${megabytes(totalBytes)} MB  ${mbit.toFixed(0).padStart(4)} Mbit/s  ${elapsedSeconds.toFixed(1).padStart(5)} s`;
}

function bar(part: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, part)) * BAR_WIDTH);
  return '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
}

/** A link has a path per address family: it is as good as its worst. */
function stateOf({ states }: LinkSample): string {
  return ['down', 'suspect', 'probing'].find((state) => states.includes(state)) ?? 'up';
}

export function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
