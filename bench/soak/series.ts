/**
 * A figure over time: how fast it grows, its highest value, and a plot for a terminal.
 *
 * Contract: pure. Times are milliseconds. The slope is that of the least-squares line, per minute.
 */
export type Sample = { readonly atMillis: number; readonly value: number };

/** NaN with fewer than two samples. */
export function slopePerMinute(samples: readonly Sample[]): number {
  const count = samples.length;
  const meanAt = samples.reduce((sum, { atMillis }) => sum + atMillis, 0) / count;
  const meanValue = samples.reduce((sum, { value }) => sum + value, 0) / count;
  let together = 0;
  let spread = 0;
  for (const { atMillis, value } of samples) {
    together += (atMillis - meanAt) * (value - meanValue);
    spread += (atMillis - meanAt) ** 2;
  }
  return (together / spread) * 60_000;
}

const PLOT_WIDTH = 60;
const LEVELS = '▁▂▃▄▅▆▇█';

/** One character per stretch of time, its height the highest value in it, between 0 and the highest of all. */
export function plot(samples: readonly Sample[], width = PLOT_WIDTH): string {
  if (samples.length === 0) return '';
  const highest = Math.max(...samples.map(({ value }) => value));
  const columns = Math.min(width, samples.length);
  return Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * samples.length) / columns);
    const to = Math.floor(((column + 1) * samples.length) / columns);
    const value = Math.max(...samples.slice(from, to).map((sample) => sample.value));
    const level = highest <= 0 ? 0 : Math.round((Math.max(0, value) / highest) * (LEVELS.length - 1));
    return LEVELS[level];
  }).join('');
}
