/**
 * The key generations of one tunnel: what the worker may open and seal with.
 *
 * Contract: make before break. A new generation is installed beside the old ones; the outbound side turns to it at once
 * (initiator) or when the peer is heard under it (responder); old inbound keys are kept for what is still on its way.
 * Source: RFC 4303, 3.4 (SPIs), RFC 7296, 2.8 (order of a rekey).
 */
import { randomInt } from 'node:crypto';
import type { EspKey } from '../tunnel/control/key-schedule.ts';
import { minSpi } from '../tunnel/control/messages.ts';
import type { OpenedTunnel } from '../tunnel/control/session.ts';
import type { GatewayContext } from './context.ts';

/** Longer than any packet is on its way, full queues of a slow line included. */
const OLD_KEYS_MILLIS = 15_000;
/** A peer that opens session after session may not make us keep more of its old keys than these. */
const OLD_KEYS_KEPT = 3;

const HIGHEST_SPI = 0xffff_ffff;

/** All SPIs of this gateway, over all tunnels: the receiver finds the association by the SPI alone. */
export class SpiPool {
  readonly #used = new Set<number>();

  take(): number {
    for (;;) {
      const spi = randomInt(minSpi, HIGHEST_SPI);
      if (this.#used.has(spi)) continue;
      this.#used.add(spi);
      return spi;
    }
  }

  give(spi: number): void {
    this.#used.delete(spi);
  }
}

export class Associations {
  readonly #context: GatewayContext;
  readonly #spis: SpiPool;
  readonly #tunnel: number;
  readonly #name: string;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Inbound SPIs, oldest first. */
  #inbound: number[] = [];

  constructor(context: GatewayContext, spis: SpiPool, tunnel: number, name: string) {
    this.#context = context;
    this.#spis = spis;
    this.#tunnel = tunnel;
    this.#name = name;
  }

  /** @param peer what it understands. @param packetLimit after so many packets the worker asks for new keys */
  install(
    opened: OpenedTunnel,
    open: EspKey,
    seal: EspKey,
    peer: { readonly finishChecksums: boolean; readonly aggfrag: boolean },
    packetLimit: number,
  ): void {
    const { worker } = this.#context;
    const { inboundSpi, outboundSpi, role } = opened;
    const previous = this.#inbound;
    worker.send({ kind: 'addInbound', tunnel: this.#tunnel, spi: inboundSpi, ...open });
    worker.send({
      kind: 'addOutbound',
      tunnel: this.#tunnel,
      spi: outboundSpi,
      ...seal,
      ...peer,
      activate: role === 'initiator' ? 'now' : { whenHeardOn: inboundSpi },
      packetLimit,
    });
    this.#inbound = [...previous, inboundSpi];
    this.#logKeys(inboundSpi, open, outboundSpi, seal);
    this.#retire(previous);
  }

  /** Forgets every key of the tunnel at once. */
  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#context.worker.send({ kind: 'removeOutbound', tunnel: this.#tunnel });
    for (const spi of [...this.#inbound]) this.#remove(spi);
  }

  #retire(old: readonly number[]): void {
    const surplus = old.slice(0, Math.max(0, old.length - OLD_KEYS_KEPT));
    for (const spi of surplus) this.#remove(spi);
    const newest = old.at(-1);
    if (newest === undefined) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#remove(newest);
    }, OLD_KEYS_MILLIS);
    this.#timers.add(timer);
  }

  #remove(spi: number): void {
    if (!this.#inbound.includes(spi)) return;
    this.#inbound = this.#inbound.filter((other) => other !== spi);
    this.#context.worker.send({ kind: 'removeInbound', spi });
    this.#spis.give(spi);
  }

  #logKeys(inboundSpi: number, open: EspKey, outboundSpi: number, seal: EspKey): void {
    const { keyLog } = this.#context;
    if (keyLog === undefined) return;
    const line = (direction: string, spi: number, { key, salt }: EspKey) =>
      keyLog(JSON.stringify({ tunnel: this.#name, direction, spi, key: hex(key), salt: hex(salt) }));
    line('in', inboundSpi, open);
    line('out', outboundSpi, seal);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
