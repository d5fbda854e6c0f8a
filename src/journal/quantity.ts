/**
 * Figures as a person reads them: three significant digits and a unit. Used by the journal's sentences and by the
 * commands, so that the same figure looks the same everywhere.
 */

/** `0.4 ms`, `41 ms`, `812 ms`, `3.2 s`, `4 min 10 s`, `2 h 05 min`, `3 d 4 h`. */
export function formatMillis(millis: number): string {
  if (!Number.isFinite(millis)) return 'unknown';
  if (millis < 0) return `-${formatMillis(-millis)}`;
  if (millis < 9.95) return `${trimZero(millis.toFixed(1))} ms`;
  if (millis < 999.5) return `${Math.round(millis)} ms`;
  if (millis < 9_950) return `${trimZero((millis / 1000).toFixed(1))} s`;
  const seconds = Math.round(millis / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Binary multiples: `512 B`, `1.5 KiB`, `27 MiB`. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']);
}

/** Decimal multiples of a plain number: `950`, `12.3 k`, `4 M`. */
export function formatCount(count: number): string {
  return scaled(count, 1000, ['', 'k', 'M', 'G', 'T', 'P']).trimEnd();
}

/** Bits per second in decimal multiples: `950 bit/s`, `17.3 Mbit/s`. */
export function formatRate(bitsPerSecond: number): string {
  return `${scaled(bitsPerSecond, 1000, ['', 'k', 'M', 'G', 'T'])}bit/s`;
}

/** `1 probe`, `3 probes`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function scaled(value: number, step: number, units: readonly string[]): string {
  let scale = 0;
  let rest = value;
  // 999.5 and more would be printed with four digits.
  while (rest >= Math.min(step, 999.5) && scale < units.length - 1) {
    rest /= step;
    scale += 1;
  }
  const digits = scale > 0 && rest < 9.95 ? trimZero(rest.toFixed(1)) : String(Math.round(rest));
  return `${digits} ${units[scale]}`;
}

function trimZero(text: string): string {
  return text.endsWith('.0') ? text.slice(0, -2) : text;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
