/**
 * Sends packets through a whole packet worker once before the first real one.
 *
 * Contract: proves on this machine, before anything of it is changed, that what goes in at one end comes out unharmed at
 * the other: structures given to the kernel, merged datagrams, libcrypto. And it warms the code, the worker's loop
 * included: through cold code a packet takes three times as long. V8 compiles for what it has seen and gives the code up
 * when something else comes, so the rehearsal has what real life has: both families, packets that are refused, new keys.
 * Works with two tunnels that lead to each other over the loopback interface and throw-away keys; where that interface
 * is switched off it proves nothing and says so. Throws BS_SELF_TEST_FAILED.
 */
import { BackstayError } from '../errors.ts';
import { readFd, writeFd } from '../linux/file-descriptor.ts';
import { ONE_BURST, refusedPackets, rehearsalClasses, rehearsalPackets, WHOLE } from './rehearsal-packets.ts';
import {
  changeCommands,
  keyCommands,
  openStage,
  PACKET_ROOM,
  type Scene,
  type Stage,
} from './rehearsal-stage.ts';

/** In all; after about so many V8 has compiled the hot functions with what it learnt. */
const ROUNDS = 1_500;
/** Rounds that prove the path, with every byte compared; the others warm it. */
const PROVING_ROUNDS = 3;
/** No worker is warmed longer than this: a slow machine has to start too. */
const WARMING_MILLIS = 400;
/**
 * Workers one after the other: code that has met one only is compiled for its very objects, and given up for the next.
 * They differ as sites do; the last is the plainest.
 */
const scenes: readonly Scene[] = [
  { links: 3, schedule: 'weight', classes: [], declared: true },
  { links: 3, schedule: 'arrival', classes: rehearsalClasses, declared: true },
  { links: 1, schedule: 'arrival', classes: [], declared: false },
];
/** Rounds between changes in the tunnels' lives. */
const GENERATION = 25;
/** In each generation all packets come together in this round, so often; it is over after so many turns in which none came. */
const CROWD_ROUND = 5;
const COPIES = 3;
const QUIET_TURNS = 3;
/** In each generation the first packets of this round are lost on the way. */
const LOSS_ROUND = 10;
/** A turn may go to a probe instead of the packet. */
const MOST_TURNS = 20;

/**
 * Of each kind of object one: V8 forgets what it learnt of a kind with the last of it that is collected, and with that
 * the code.
 */
const kept: unknown[] = [];

/** As `rehearse`, without warming: half of what a start costs, and the first packets take three times as long. */
export function prove(): boolean {
  return rehearse(scenes.length * PROVING_ROUNDS);
}

/** @returns false when the loopback interface takes no packets */
export function rehearse(rounds = ROUNDS): boolean {
  for (const scene of scenes) {
    // Where nothing is warmed no line has to be held back either.
    const stage = openStage(rounds > scenes.length * PROVING_ROUNDS ? scene : { ...scene, declared: true });
    try {
      const heard = perform(stage, Math.ceil(rounds / scenes.length));
      if (!heard && scene === scenes[0]) return false;
      if (!heard) throw failure('silent');
    } finally {
      if (scene === scenes.at(-1)) keepAlive(stage);
      stage.close();
    }
  }
  return true;
}

function keepAlive({ worker }: Stage): void {
  for (const tunnel of worker.tunnels.values()) {
    kept.push(worker, tunnel, tunnel.outbound, ...tunnel.paths.map(({ stream }) => stream));
  }
}

/** @returns false when not even the first packet came back */
function perform(stage: Stage, rounds: number): boolean {
  const proof = rehearsalPackets(ONE_BURST);
  const practice = rehearsalPackets(WHOLE);
  const warmUntil = performance.now() + WARMING_MILLIS;
  let played = 0;
  for (let round = 0; round < rounds; round++) {
    if (round >= PROVING_ROUNDS && performance.now() > warmUntil) break;
    const packets = round < PROVING_ROUNDS ? proof : practice;
    if (round % GENERATION === 0) change(stage, round / GENERATION);
    if (round % GENERATION === CROWD_ROUND) crowd(stage, packets);
    if (round % GENERATION === LOSS_ROUND) lose(stage, packets);
    for (const packet of packets) {
      const verdict = play(stage, packet, round);
      if (verdict === 'silent' && played === 0) return false;
      // On a starved machine a path may be given up between two turns. The proof is behind us, and warming is not worth a start.
      if (verdict === 'silent' && round >= PROVING_ROUNDS) return true;
      if (verdict !== 'same') throw failure(verdict);
      played++;
    }
  }
  return true;
}

function change(stage: Stage, generation: number): void {
  const { ends, carryOut } = stage;
  for (const { tunnel } of ends) carryOut({ kind: 'removeOutbound', tunnel });
  refuse(stage);
  for (const end of ends) carryOut(...changeCommands(end, generation), ...keyCommands(end, generation));
  refuse(stage);
}

/** What does not get through: without keys, from sources that are not allowed, no IP packet at all. */
function refuse({ files, carryOut, entry, exit }: Stage): void {
  const read = () => readFd(exit, files.address + PACKET_ROOM, PACKET_ROOM);
  for (const packet of refusedPackets()) {
    files.bytes.set(packet);
    writeFd(entry, files.address, packet.length);
    // A turn with commands does not sleep, whether there is anything to do or not.
    for (let turn = 0; turn < 3; turn++) carryOut();
    // What was lost before may come now, sent again.
    for (let length = read(); length >= 0; length = read()) {
      const arrived = files.bytes.subarray(PACKET_ROOM, PACKET_ROOM + length);
      if (Buffer.compare(arrived, packet) === 0) throw failure('though it must be refused');
    }
  }
}

/**
 * Packets that come together: small ones share a packet on the wire, bursts are longer than one, and a line of which nothing
 * is known yet is given more than it should have in its queue.
 */
function crowd({ files, entry, exit, worker }: Stage, packets: readonly Uint8Array[]): void {
  for (let copy = 0; copy < COPIES; copy++) {
    for (const packet of packets) {
      files.bytes.set(packet);
      writeFd(entry, files.address, packet.length);
    }
    worker.turn();
  }
  // What is held back comes as the line's queue would empty. The next packet that is played shall not meet it.
  let quiet = 0;
  for (let turn = 0; turn < COPIES * MOST_TURNS && quiet < QUIET_TURNS; turn++) {
    worker.turn();
    quiet = readFd(exit, files.address, PACKET_ROOM) < 0 ? quiet + 1 : 0;
    while (readFd(exit, files.address, PACKET_ROOM) >= 0);
  }
}

/** Packets that do not arrive: what is reported missing is sent again, and what came after it waits for it. */
function lose({ files, entry, ends, worker }: Stage, packets: readonly Uint8Array[]): void {
  const far = ends[1];
  for (const packet of packets) {
    files.bytes.set(packet);
    writeFd(entry, files.address, packet.length);
    worker.turn();
    for (const socket of far.sockets) while (readFd(socket, files.address, PACKET_ROOM) >= 0);
  }
}

/** One packet in at the near end; what came out at the far end must be the same. */
function play(stage: Stage, packet: Uint8Array, round: number): 'same' | 'silent' | 'changed' {
  const { files, worker } = stage;
  files.bytes.set(packet);
  if (writeFd(stage.entry, files.address, packet.length) !== packet.length) return 'silent';
  let length = -1;
  for (let turn = 0; turn < MOST_TURNS && length < 0; turn++) {
    worker.turn();
    length = readFd(stage.exit, files.address + PACKET_ROOM, PACKET_ROOM);
  }
  if (length < 0) return 'silent';
  if (round >= PROVING_ROUNDS) {
    // On a starved machine loopback seems slow, and a long packet comes in pieces: the next one shall not meet them.
    while (readFd(stage.exit, files.address + PACKET_ROOM, PACKET_ROOM) >= 0);
    return 'same';
  }
  if (length !== packet.length) return 'changed';
  const arrived = files.bytes.subarray(PACKET_ROOM, PACKET_ROOM + length);
  return Buffer.compare(arrived, packet) === 0 ? 'same' : 'changed';
}

function failure(verdict: string): BackstayError {
  return new BackstayError('BS_SELF_TEST_FAILED', `A packet sent to ourselves came back ${verdict}.`);
}
