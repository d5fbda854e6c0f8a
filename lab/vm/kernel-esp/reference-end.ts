/**
 * The reference implementation as one end of an ESP tunnel in UDP: it opens what comes, answers echo requests, and
 * keeps everything it received.
 *
 * Contract: replies go back to where the packet came from, under the sending association, numbered one after the
 * other. Packets that do not open are kept too, with the reason.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type EspContent, nextHeaders, type OpenedEsp, openEsp, sealEsp } from '../../esp-reference.ts';
import { echoReply } from './echo-reply.ts';
import { type Association, espPort } from './kernel-end.ts';

export type Received = { readonly packet: Buffer; readonly opened: OpenedEsp };

export type ReferenceEndOptions = {
  readonly local: string;
  readonly remote: string;
  readonly send: Association;
  readonly receive: Association;
};

export class ReferenceEnd {
  readonly received: Received[] = [];
  readonly #options: ReferenceEndOptions;
  readonly #socket: Socket;
  #lastReceived: bigint;
  #lastSent: bigint;

  private constructor(options: ReferenceEndOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.#lastReceived = options.receive.lastSequence;
    this.#lastSent = options.send.lastSequence;
    socket.on('message', (packet) => this.#receive(packet));
  }

  static async open(options: ReferenceEndOptions): Promise<ReferenceEnd> {
    const socket = createSocket(options.local.includes(':') ? 'udp6' : 'udp4');
    socket.bind(espPort, options.local);
    await once(socket, 'listening');
    return new ReferenceEnd(options, socket);
  }

  get lastSent(): bigint {
    return this.#lastSent;
  }

  /** Seals the payload under the next number and sends it. */
  send(nextHeader: number, payload: Buffer): void {
    this.#lastSent++;
    this.sendRaw(sealEsp(this.#options.send, { sequence: this.#lastSent, nextHeader, payload }));
  }

  sendRaw(packet: Buffer): void {
    this.#socket.send(packet, espPort, this.#options.remote);
  }

  close(): void {
    this.#socket.close();
  }

  #receive(packet: Buffer): void {
    const opened = openEsp(this.#options.receive, packet, this.#lastReceived);
    this.received.push({ packet, opened });
    if (!opened.valid) return;
    this.#lastReceived = opened.sequence;
    const reply = isInnerIp(opened) ? echoReply(opened.payload) : undefined;
    if (reply !== undefined) this.send(opened.nextHeader, reply);
  }
}

function isInnerIp(content: EspContent): boolean {
  return content.nextHeader === nextHeaders.ipv4 || content.nextHeader === nextHeaders.ipv6;
}
