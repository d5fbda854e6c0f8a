/**
 * Stand-ins for programs of the system that a daemon finds first in its PATH: they do what the real ones do until an obstacle is put
 * in their way.
 *
 * Contract: `nft` refuses or swallows a script that speaks of a table; `ip` lets the kernel refuse the commands of a batch that fit a
 * pattern. Both may hang instead, with nothing of it done. Everything else is the real program's.
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askUntil } from '../patience.ts';

export type Obstacle =
  /** `swallow`: as if it had been loaded. */
  | { readonly program: 'nft'; readonly how: 'refuse' | 'swallow' | 'hang'; readonly table: string }
  /** An extended regular expression of sed(1) for lines. */
  | { readonly program: 'ip'; readonly how: 'refuse' | 'hang'; readonly lines: string };

export class ProgramShims {
  readonly #directory: string;

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), 'bs-shims-'));
    this.#write('nft', nftShim(this.#directory));
    this.#write('ip', ipShim(this.#directory));
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** For the daemon. */
  get environment(): NodeJS.ProcessEnv {
    return { PATH: `${this.#directory}:${process.env['PATH']}` };
  }

  put(obstacle: Obstacle): void {
    const what = obstacle.program === 'nft' ? obstacle.table : obstacle.lines;
    writeFileSync(join(this.#directory, `${obstacle.program}.obstacle`), `${obstacle.how}\n${what}\n`);
  }

  takeAway(): void {
    for (const program of ['nft', 'ip'])
      rmSync(join(this.#directory, `${program}.obstacle`), { force: true });
  }

  /** Waits until one hangs. @returns how to end it */
  async hangs(withinMillis: number): Promise<() => void> {
    const path = join(this.#directory, 'hanging');
    const pid = await askUntil(
      async () => (existsSync(path) ? Number(readFileSync(path, 'utf8')) : undefined),
      withinMillis,
    );
    if (pid === undefined) throw new Error('no program hangs');
    rmSync(path);
    return () => process.kill(pid, 'SIGKILL');
  }

  #write(name: string, text: string): void {
    const path = join(this.#directory, name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  }
}

/** What hangs says who it is. */
function head(directory: string): string {
  return `#!/bin/bash
set -u
hang() { echo $$ > ${directory}/hanging.new; mv ${directory}/hanging.new ${directory}/hanging; exec sleep 120; }
`;
}

function nftShim(directory: string): string {
  return `${head(directory)}
if [ "$*" = "-f -" ] && [ -e ${directory}/nft.obstacle ]; then
  script=$(cat)
  { read -r how; read -r table; } < ${directory}/nft.obstacle
  if [[ $script == *"table inet $table"* ]]; then
    [ "$how" = swallow ] && exit 0
    [ "$how" = hang ] && hang
    echo "Error: Could not process rule: No space left on device" >&2
    exit 1
  fi
  exec /usr/sbin/nft -f - <<< "$script"
fi
exec /usr/sbin/nft "$@"
`;
}

/** A route by a device that does not exist is refused as any other, and its neighbours in the batch are carried out. */
function ipShim(directory: string): string {
  return `${head(directory)}
if [ "\${!#}" = - ] && [ -e ${directory}/ip.obstacle ]; then
  { read -r how; read -r lines; } < ${directory}/ip.obstacle
  if [ "$how" = hang ]; then
    batch=$(cat)
    grep -qE "$lines" <<< "$batch" && hang
    exec /usr/sbin/ip "$@" <<< "$batch"
  fi
  sed -E "s,.*($lines).*,route add default dev obstacle," | /usr/sbin/ip "$@"
  exit
fi
exec /usr/sbin/ip "$@"
`;
}
