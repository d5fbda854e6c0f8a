/** DNS questions by UDP to one server by one link. `link/dns-question.ts` has the messages. Source: S1.1. */
import { randomInt } from 'node:crypto';
import { encodeDnsQuestion, readDnsAnswer } from '../link/dns-question.ts';
import type { Endpoint, IpAddress } from '../network/ip-address.ts';
import { absentProber } from './echo-prober.ts';
import { errno, errnoName } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import { openProbeSocket, type ProbeWay, receiveAll, sendBytes, socketType } from './probe-socket.ts';
import { PendingQuestions, type ProbeAnswer, type Prober } from './prober.ts';
import { connectTo } from './socket-calls.ts';

export function openDnsProber(way: ProbeWay, server: Endpoint, name: string, timeoutMillis: number): Prober {
  const own = way.families.find(({ family }) => family === server.address.family);
  return own === undefined ? absentProber : new DnsProber(way, own.address, { server, name, timeoutMillis });
}

type DnsTarget = { readonly server: Endpoint; readonly name: string; readonly timeoutMillis: number };
type Asked = { readonly fd: number; readonly message: Uint8Array };

/** A socket for each question: its port is as hard to guess as the question's number. */
class DnsProber implements Prober {
  readonly #way: ProbeWay;
  readonly #own: IpAddress;
  readonly #target: DnsTarget;
  readonly #pending: PendingQuestions<Asked>;

  constructor(way: ProbeWay, own: IpAddress, target: DnsTarget) {
    this.#way = way;
    this.#own = own;
    this.#target = target;
    this.#pending = new PendingQuestions(target.timeoutMillis, ({ fd }) => closeFd(fd));
  }

  /** @throws BackstayError as `openProbeSocket` */
  ask(question: number): 'asked' {
    const { server, name } = this.#target;
    const fd = openProbeSocket(this.#way, this.#own, socketType.datagram, 0);
    const message = encodeDnsQuestion(randomInt(0x10000), name);
    this.#pending.add(question, { fd, message });
    const isConnected = connectTo(fd, server.address.bytes, server.port) >= 0;
    const failure = isConnected ? sendBytes(fd, message) : errnoName(errno());
    if (failure !== undefined) this.#fail(question, fd, failure);
    return 'asked';
  }

  collect(): ProbeAnswer[] {
    const answers = this.#pending.entries().flatMap(([question, asked]) => this.#look(question, asked));
    return [...answers, ...this.#pending.takeFailures()];
  }

  close(): void {
    this.#pending.close();
  }

  #look(question: number, { fd, message }: Asked): ProbeAnswer[] {
    const { received, errors } = receiveAll(fd);
    for (const { bytes, wallMillis } of received) {
      const answer = readDnsAnswer(message, bytes);
      if (answer === undefined) continue;
      if (answer !== 'answer') {
        this.#fail(question, fd, `DNS code ${answer.refused}`);
        return [];
      }
      closeFd(fd);
      return this.#pending.answer(question, wallMillis);
    }
    if (errors[0] !== undefined) this.#fail(question, fd, errors[0]);
    return [];
  }

  #fail(question: number, fd: number, failure: string): void {
    closeFd(fd);
    this.#pending.fail(question, failure);
  }
}
