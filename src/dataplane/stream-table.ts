/**
 * The paths' own TCP connections, as the packet worker uses them.
 *
 * ```
 *   opened ──by who speaks first, or no other can be written to──▶ in use ──another one is in use──▶ former ──▶ closed
 *      └──────────▶ waiting ──its first word has come────────────────▲
 * ```
 * With new keys comes a new connection beside the one in use. The side that was called says nothing on it before it was spoken to:
 * until then it goes on with the one it has. What is on its way on a former one is still read, and what waited to leave on
 * it still leaves, until whoever opened it closes it.
 *
 * Contract: `path.stream` is the connection in use. Each one is registered for readiness from `open` until it is closed,
 * has ended, or its path is forgotten. The caller says who else has to know.
 * Source: S4.7, docs/decisions/0016.
 */
import type { Arena } from '../linux/arena.ts';
import { type PathStream, StreamMemory } from './path-stream.ts';
import type { PlanePath } from './tunnel-plane.ts';

/** Ids of streams are used again long after their descriptors were. */
const MOST_STREAM_IDS = 0xff_ffff;

export type StreamReadiness = {
  addStream(fd: number, id: number): void;
  remove(fd: number): void;
};

export class StreamTable {
  readonly #streams = new Map<number, PathStream>();
  readonly #memory: StreamMemory;
  readonly #readiness: StreamReadiness;
  #newest = 0;

  constructor(arena: Arena, readiness: StreamReadiness) {
    this.#memory = new StreamMemory(arena);
    this.#readiness = readiness;
  }

  get(id: number): PathStream | undefined {
    return this.#streams.get(id);
  }

  /** @returns whether the new one is in use now */
  open(tunnel: number, path: PlanePath, fd: number): boolean {
    this.#newest = (this.#newest + 1) & MOST_STREAM_IDS;
    const stream = this.#memory.open(this.#newest, fd, tunnel, path.path.id, path.initiates);
    this.#streams.set(stream.id, stream);
    this.#readiness.addStream(fd, stream.id);
    if (!stream.mayWrite && path.stream?.mayWrite === true) return false;
    use(path, stream);
    return true;
  }

  /** The first word has come on a connection. @returns whether it is in use from now on, and was not before */
  heard(path: PlanePath, stream: PathStream): boolean {
    if (path.stream === stream) return false;
    use(path, stream);
    return true;
  }

  /** A connection is over. @returns whether the path has none any more */
  close(path: PlanePath, stream: PathStream): boolean {
    if (!this.#streams.delete(stream.id)) return false;
    this.#readiness.remove(stream.fd);
    this.#memory.giveUp(stream);
    if (path.stream !== stream) return false;
    use(path, this.#waitingFor(stream));
    return path.stream === undefined;
  }

  withDescriptor(tunnel: number, path: PlanePath, fd: number): PathStream | undefined {
    return this.#of(tunnel, path.path.id).find((stream) => stream.fd === fd);
  }

  /** The path is gone. */
  forget(tunnel: number, path: PlanePath): void {
    for (const stream of [...this.#of(tunnel, path.path.id)]) this.close(path, stream);
  }

  #waitingFor({ tunnel, path }: PathStream): PathStream | undefined {
    return this.#of(tunnel, path).find(({ mayWrite }) => !mayWrite);
  }

  #of(tunnel: number, path: number): IteratorObject<PathStream> {
    return this.#streams.values().filter((stream) => stream.tunnel === tunnel && stream.path === path);
  }
}

function use(path: PlanePath, stream: PathStream | undefined): void {
  path.stream = stream;
  path.delivery.blocked = path.carriers.carrier === 'tcp' && stream?.armed === true;
}
