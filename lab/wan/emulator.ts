/**
 * The WAN emulator: a process in a namespace of its own that carries frames between pairs of interfaces as a
 * wide-area network would.
 *
 * Contract: commands and replies as in control.ts. One thread, one loop, no event loop of Node.js: it sleeps in
 * ppoll(2) and ends when its standard input is closed or by a signal. While frames flow it looks after them every
 * 0.15 ms, so that many share one system call; when nothing flows it sleeps until the next frame.
 */
import { writeSync } from 'node:fs';
import { Sleeper } from './clock.ts';
import type { Direction, Reply, Request } from './control.ts';
import { LineReader } from './line-reader.ts';
import { OneWay } from './one-way.ts';
import { PacketPort } from './packet-port.ts';
import { Shaper } from './shaper.ts';

/** Shorter costs a core, longer adds visible delay; half of it is the mean lateness. */
const TURN_MILLIS = 0.15;
const STDIN = 0;

type EmulatedLink = {
  readonly names: { readonly a: string; readonly b: string };
  readonly ports: { readonly a: PacketPort; readonly b: PacketPort };
  readonly ways: Readonly<Record<Direction, OneWay>>;
};

const links = new Map<string, EmulatedLink>();
const ways: OneWay[] = [];
const ports: PacketPort[] = [];
const sleeper = new Sleeper();

run();

function run(): void {
  sleeper.hurry();
  sleeper.watch(STDIN);
  const reader = new LineReader(STDIN);
  for (;;) {
    if (sleeper.isReadable(0) && !reader.read(answer)) return;
    const busy = carryFrames();
    if (busy) {
      sleeper.sleep(TURN_MILLIS, 1);
    } else {
      sleeper.sleep(Math.max(0, nextDue() - performance.now()), Number.POSITIVE_INFINITY);
      for (const [i, port] of ports.entries()) if (sleeper.hasError(i + 1)) port.takeError();
    }
  }
}

function carryFrames(): boolean {
  const now = performance.now();
  const wallOffset = sleeper.wallMillis() - now;
  let busy = false;
  for (let i = 0; i < ways.length; i++) if (ways[i]!.receive(now, wallOffset)) busy = true;
  for (let i = 0; i < ways.length; i++) if (ways[i]!.transmit(performance.now())) busy = true;
  return busy;
}

function nextDue(): number {
  let next = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ways.length; i++) next = Math.min(next, ways[i]!.nextDue);
  return next;
}

function answer(line: string): void {
  const request = JSON.parse(line) as Request & { id: number };
  writeSync(1, `${JSON.stringify(replyTo(request))}\n`);
}

function replyTo(request: Request & { id: number }): Reply {
  try {
    return { id: request.id, result: execute(request) };
  } catch (error) {
    return { id: request.id, error: error instanceof Error ? error.message : String(error) };
  }
}

function execute(request: Request): Extract<Reply, { result: unknown }>['result'] {
  if (request.operation === 'join') {
    join(request);
    return null;
  }
  const link = links.get(request.link);
  if (link === undefined) throw new Error(`there is no link ${request.link}`);
  switch (request.operation) {
    case 'set':
      if (request.direction !== 'bToA') link.ways.aToB.change(request.change);
      if (request.direction !== 'aToB') link.ways.bToA.change(request.change);
      return null;
    case 'statistics':
      return { aToB: link.ways.aToB.statistics(), bToA: link.ways.bToA.statistics() };
    case 'reattach':
      link.ports.a.attach(link.names.a);
      link.ports.b.attach(link.names.b);
      return null;
  }
}

function join({ link, a, b, impairments, seed }: Extract<Request, { operation: 'join' }>): void {
  if (links.has(link)) throw new Error(`link ${link} is there already`);
  const portA = new PacketPort(a);
  const portB = new PacketPort(b);
  const joined: EmulatedLink = {
    names: { a, b },
    ports: { a: portA, b: portB },
    ways: {
      aToB: new OneWay(portA, portB, new Shaper(impairments, seed)),
      bToA: new OneWay(portB, portA, new Shaper(impairments, seed + 1)),
    },
  };
  links.set(link, joined);
  ways.push(joined.ways.aToB, joined.ways.bToA);
  for (const port of [portA, portB]) {
    ports.push(port);
    sleeper.watch(port.fd);
  }
  // Making the rings takes some 10 ms, in which nothing is carried: no fault of the links that were there before.
  for (const way of ways) way.forgetLateness();
}
