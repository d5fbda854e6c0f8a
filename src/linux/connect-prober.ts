/**
 * TCP connections to one place by one link, and pages fetched over them.
 *
 * Contract: nothing waits: connecting, writing and reading are looked after in `collect`. Each question is a connection
 * of its own, closed as soon as it is answered or too late. Source: S1.1; tcp(7) (TCP_INFO), connect(2).
 */
import { httpRequest, mostStatusLineBytes, readStatusLine } from '../link/http-answer.ts';
import { type Endpoint, formatEndpoint, type IpAddress } from '../network/ip-address.ts';
import { absentProber } from './echo-prober.ts';
import { bind, errno, errnoName, errnoValue } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';
import { openProbeSocket, type ProbeWay, receiveAll, sendBytes, socketType } from './probe-socket.ts';
import { PendingQuestions, type ProbeAnswer, type Prober } from './prober.ts';
import { connectTo, SOL_SOCKET, socketScratch } from './socket-calls.ts';

const getOption = bind<(fd: number, level: number, name: number, value: number, length: number) => number>(
  'int getsockopt(int fd, int level, int name, uintptr_t value, uintptr_t length)',
);
const IPPROTO_TCP = 6;
const SO_ERROR = 4;
const TCP_INFO = 11;
/** `struct tcp_info`: the state in the first byte, the round trip in microseconds at 68. */
const tcpInfo = { bytes: 72, roundTripOffset: 68, synSent: 2, established: 1, closeWait: 8 } as const;
const EINPROGRESS = 115;

export function openConnectProber(
  way: ProbeWay,
  place: Endpoint,
  timeoutMillis: number,
  path?: string,
): Prober {
  const own = way.families.find(({ family }) => family === place.address.family);
  return own === undefined ? absentProber : new ConnectProber(way, own.address, place, timeoutMillis, path);
}

type Attempt = { readonly fd: number; isAsked: boolean; text: string };

class ConnectProber implements Prober {
  readonly #way: ProbeWay;
  readonly #own: IpAddress;
  readonly #place: Endpoint;
  /** Of the page; undefined: the connection itself is the answer. */
  readonly #path: string | undefined;
  readonly #pending: PendingQuestions<Attempt>;

  constructor(
    way: ProbeWay,
    own: IpAddress,
    place: Endpoint,
    timeoutMillis: number,
    path: string | undefined,
  ) {
    this.#way = way;
    this.#own = own;
    this.#place = place;
    this.#path = path;
    this.#pending = new PendingQuestions(timeoutMillis, ({ fd }) => closeFd(fd));
  }

  /** @throws BackstayError as `openProbeSocket` */
  ask(question: number): 'asked' {
    const fd = openProbeSocket(this.#way, this.#own, socketType.stream, 0);
    this.#pending.add(question, { fd, isAsked: false, text: '' });
    const { address, port } = this.#place;
    if (connectTo(fd, address.bytes, port) < 0 && errno() !== EINPROGRESS) this.#fail(question, fd, errno());
    return 'asked';
  }

  collect(): ProbeAnswer[] {
    const answers = this.#pending.entries().flatMap(([question, attempt]) => this.#look(question, attempt));
    return [...answers, ...this.#pending.takeFailures()];
  }

  close(): void {
    this.#pending.close();
  }

  #look(question: number, attempt: Attempt): ProbeAnswer[] {
    const { state, roundTripMillis } = readTcpInfo(attempt.fd);
    if (state === tcpInfo.synSent) return [];
    if (state !== tcpInfo.established && state !== tcpInfo.closeWait) return this.#ended(question, attempt);
    if (this.#path !== undefined) return this.#fetch(question, attempt, this.#path);
    // The kernel measured the handshake; when this was looked at is not so exact.
    return this.#answered(question, attempt).map((answer) => ({ ...answer, delayMillis: roundTripMillis }));
  }

  #fetch(question: number, attempt: Attempt, path: string): ProbeAnswer[] {
    if (!attempt.isAsked) {
      attempt.isAsked = true;
      const failure = sendBytes(attempt.fd, Buffer.from(httpRequest(formatEndpoint(this.#place), path)));
      if (failure !== undefined) this.#fail(question, attempt.fd, failure);
      return [];
    }
    const { received, errors } = receiveAll(attempt.fd);
    const isEnded = received.some(({ bytes }) => bytes.length === 0) || errors.length > 0;
    for (const { bytes } of received) attempt.text += Buffer.from(bytes).toString('latin1');
    const line = readStatusLine(attempt.text.slice(0, mostStatusLineBytes));
    if (line === 'answer') return this.#answered(question, attempt);
    if (line !== undefined || isEnded) this.#fail(question, attempt.fd, line?.reason ?? 'no answer');
    return [];
  }

  #ended(question: number, { fd }: Attempt): ProbeAnswer[] {
    const error = socketError(fd);
    // Whoever refuses was reached.
    if (error === errnoValue.ECONNREFUSED && this.#path === undefined)
      return this.#answered(question, { fd });
    this.#fail(question, fd, error);
    return [];
  }

  #answered(question: number, { fd }: Pick<Attempt, 'fd'>): { question: number; delayMillis: number }[] {
    closeFd(fd);
    return this.#pending.answer(question).flatMap((answer) => ('delayMillis' in answer ? [answer] : []));
  }

  #fail(question: number, fd: number, error: number | string): void {
    closeFd(fd);
    this.#pending.fail(question, typeof error === 'number' ? errnoName(error) : error);
  }
}

function readTcpInfo(fd: number): { state: number; roundTripMillis: number } {
  const scratch = socketScratch();
  scratch.data.setUint32(256, tcpInfo.bytes, true);
  getOption(fd, IPPROTO_TCP, TCP_INFO, scratch.address, scratch.address + 256);
  return {
    state: scratch.bytes[0] ?? 0,
    roundTripMillis: scratch.data.getUint32(tcpInfo.roundTripOffset, true) / 1000,
  };
}

function socketError(fd: number): number {
  const scratch = socketScratch();
  scratch.data.setUint32(256, 4, true);
  getOption(fd, SOL_SOCKET, SO_ERROR, scratch.address, scratch.address + 256);
  return scratch.data.getInt32(0, true);
}
