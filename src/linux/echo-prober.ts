/** ICMP and ICMPv6 echoes to one address by one link. `link/echo-packet.ts` has the packets. Source: S1.1; raw(7), icmp(7). */
import { randomBytes, randomInt } from 'node:crypto';
import { type EchoIdentity, echoTokenBytes, encodeEcho, readEchoReply } from '../link/echo-packet.ts';
import type { IpAddress } from '../network/ip-address.ts';
import { errno, errnoName } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import { openProbeSocket, type ProbeWay, receiveAll, sendBytes, socketType } from './probe-socket.ts';
import { PendingQuestions, type ProbeAnswer, type Prober } from './prober.ts';
import { connectTo, setBytesOption } from './socket-calls.ts';

const protocolNumbers = { 4: 1, 6: 58 } as const;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
const SOL_ICMPV6 = 58;
const ICMPV6_FILTER = 1;
const ECHO_REPLY_V6 = 129;
/** A set bit blocks: everything but echo replies, type 0. */
const onlyReplies = Uint8Array.of(0xfe, 0xff, 0xff, 0xff);

export function openEchoProber(way: ProbeWay, target: IpAddress, timeoutMillis: number): Prober {
  const own = way.families.find(({ family }) => family === target.family);
  return own === undefined ? absentProber : new EchoProber(way, own.address, target, timeoutMillis);
}

/** The link has no address of the target's family at the moment. */
export const absentProber: Prober = { ask: () => 'absent', collect: () => [], close: () => {} };

class EchoProber implements Prober {
  readonly #fd: number;
  readonly #target: IpAddress;
  readonly #identity: EchoIdentity = { identifier: randomInt(0x10000), token: randomBytes(echoTokenBytes) };
  readonly #pending: PendingQuestions<undefined>;
  #isConnected = false;

  constructor(way: ProbeWay, own: IpAddress, target: IpAddress, timeoutMillis: number) {
    this.#target = target;
    this.#pending = new PendingQuestions(timeoutMillis);
    this.#fd = openProbeSocket(way, own, socketType.raw, protocolNumbers[target.family]);
    if (target.family === 4) setBytesOption(this.#fd, SOL_RAW, ICMP_FILTER, onlyReplies);
    else setBytesOption(this.#fd, SOL_ICMPV6, ICMPV6_FILTER, passOnly(ECHO_REPLY_V6));
  }

  ask(question: number): 'asked' {
    this.#pending.add(question, undefined);
    // Connected, so that the kernel drops what comes from others. Without a route it fails, and is tried with the next.
    if (!this.#isConnected) {
      if (connectTo(this.#fd, this.#target.bytes, 0) < 0) {
        this.#pending.fail(question, errnoName(errno()));
        return 'asked';
      }
      this.#isConnected = true;
    }
    const failure = sendBytes(this.#fd, encodeEcho(this.#target.family, this.#identity, question));
    if (failure !== undefined) this.#pending.fail(question, failure);
    return 'asked';
  }

  collect(): ProbeAnswer[] {
    const answers = receiveAll(this.#fd).received.flatMap(({ bytes, from, wallMillis }) => {
      if (!isFrom(from, this.#target)) return [];
      const question = readEchoReply(this.#target.family, this.#identity, bytes);
      return question === undefined ? [] : this.#pending.answer(question, wallMillis);
    });
    return [...answers, ...this.#pending.takeFailures()];
  }

  close(): void {
    closeFd(this.#fd);
  }
}

/** `struct icmp6_filter`: 256 bits, a set one blocks. */
export function passOnly(type: number): Uint8Array {
  const filter = new Uint8Array(32).fill(0xff);
  filter[type >> 3] = 0xff & ~(1 << (type & 7));
  return filter;
}

/** @param from a `struct sockaddr_in` or `sockaddr_in6` */
function isFrom(from: Uint8Array, { family, bytes }: IpAddress): boolean {
  const offset = family === 6 ? 8 : 4;
  return from.length >= offset + bytes.length && bytes.every((byte, index) => from[offset + index] === byte);
}
