/**
 * The demonstration as a picture: what each link carried over time, and when one was cut and restored.
 *
 * Contract: pure; from samples to an SVG document that needs no script and no font of its own.
 */
import type { Sample } from './display.ts';

/** A moment to mark, in seconds of the samples' clock. */
export type PlotMark = { readonly seconds: number; readonly text: string };

const WIDTH = 860;
const HEIGHT = 300;
const MARGIN = { left: 56, right: 16, top: 40, bottom: 36 };
const COLOURS = ['#2f6f9f', '#e0912f', '#5a9a4a', '#a04a7a'];
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';

export function plotDemo(samples: readonly Sample[], marks: readonly PlotMark[], title: string): string {
  const seconds = Math.max(1, samples.at(-1)?.elapsedSeconds ?? 1);
  const highest = Math.max(10, ...samples.map(({ links }) => links.reduce((sum, { mbit }) => sum + mbit, 0)));
  const top = Math.ceil(highest / 50) * 50;
  const x = (at: number) => MARGIN.left + (at / seconds) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (mbit: number) => HEIGHT - MARGIN.bottom - (mbit / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${MARGIN.left}" y="20" ${FONT} font-weight="600" fill="#222">${title}</text>`,
    ...gridLines(top, y),
    ...areas(samples, x, y),
    ...legend(samples),
    ...marks.map((mark) => markLine(mark, x)),
    ...secondsAxis(seconds, x),
    '</svg>',
    '',
  ].join('\n');
}

/** One band per link, each on the ones before it. */
function areas(
  samples: readonly Sample[],
  x: (seconds: number) => number,
  y: (mbit: number) => number,
): string[] {
  const names = samples[0]?.links.map(({ name }) => name) ?? [];
  const upTo = (sample: Sample, count: number) =>
    sample.links.slice(0, count).reduce((sum, { mbit }) => sum + mbit, 0);
  return names.map((_, index) => {
    const edge = (count: number) =>
      samples.map((sample) => `${x(sample.elapsedSeconds).toFixed(1)},${y(upTo(sample, count)).toFixed(1)}`);
    const points = [...edge(index + 1), ...edge(index).reverse()].join(' ');
    return `<polygon points="${points}" fill="${colour(index)}" fill-opacity="0.85"/>`;
  });
}

function gridLines(top: number, y: (mbit: number) => number): string[] {
  const steps = Array.from({ length: 5 }, (_, step) => (top / 4) * step);
  return steps.flatMap((mbit) => [
    `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(mbit)}" y2="${y(mbit)}" stroke="#ddd"/>`,
    `<text x="${MARGIN.left - 6}" y="${y(mbit) + 4}" text-anchor="end" ${FONT} fill="#555">${Math.round(mbit)}</text>`,
  ]);
}

function secondsAxis(seconds: number, x: (seconds: number) => number): string[] {
  const labels = Array.from({ length: Math.floor(seconds / 2) + 1 }, (_, index) => index * 2);
  return labels.map(
    (at) =>
      `<text x="${x(at).toFixed(1)}" y="${HEIGHT - 12}" text-anchor="middle" ${FONT} fill="#555">${at} s</text>`,
  );
}

function legend(samples: readonly Sample[]): string[] {
  const links = samples[0]?.links ?? [];
  return links.flatMap(({ name }, index) => {
    const left = WIDTH - MARGIN.right - (links.length - index) * 84;
    return [
      `<rect x="${left}" y="10" width="12" height="12" fill="${colour(index)}"/>`,
      `<text x="${left + 18}" y="20" ${FONT} fill="#222">${name}</text>`,
    ];
  });
}

function markLine({ seconds, text }: PlotMark, x: (seconds: number) => number): string {
  const at = x(seconds).toFixed(1);
  return (
    `<line x1="${at}" x2="${at}" y1="${MARGIN.top - 8}" y2="${HEIGHT - MARGIN.bottom}" stroke="#b02a2a" stroke-dasharray="4 3"/>` +
    `<text x="${Number(at) + 5}" y="${MARGIN.top + 2}" ${FONT} fill="#b02a2a">${text}</text>`
  );
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] as string;
}
