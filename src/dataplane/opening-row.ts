/**
 * Datagrams that came together, from the first look at them to their opening: which association and tunnel they belong to,
 * whether they may be new, and all that may be opened at once.
 *
 * Contract: a datagram costs a look-up of its SPI and a look at the replay window before it costs a decryption. What does not
 * get as far as the taker is counted with its reason. The row is of one association; another one's datagram opens it first.
 * Allocates nothing per packet.
 * Source: RFC 4303, 3.4.2 and 3.4.3; decision 0009.
 */
import { ROW_CAPACITY, type RowOpener } from '../linux/aead-row.ts';
import type { Arena } from '../linux/arena.ts';
import { ESP_SHORTEST } from '../tunnel/esp/format.ts';
import { type InboundAssociation, opened, replayed } from './association.ts';
import { count, tunnelSlot, workerSlot } from './counters.ts';
import type { TunnelPlane } from './tunnel-plane.ts';

/** A NAT keepalive is one byte 0xff (RFC 3948, 2.3). */
const NAT_KEEPALIVE = 0xff;

export type OpenedTaker = {
  tunnel(id: number): TunnelPlane | undefined;
  /** An authentic datagram, opened where it lies in the arena. It may end tunnels and associations. */
  takeOpened(tunnel: TunnelPlane, association: InboundAssociation, offset: number, length: number): void;
};

export class OpeningRow {
  readonly #arena: Arena;
  readonly #associations: ReadonlyMap<number, InboundAssociation>;
  readonly #opener: RowOpener;
  readonly #counters: Float64Array;
  readonly #taker: OpenedTaker;
  /** By place in the opener's row. */
  readonly #offsets = new Int32Array(ROW_CAPACITY);
  readonly #lengths = new Int32Array(ROW_CAPACITY);
  /** Whose the row is. */
  #enlisted: InboundAssociation | undefined;
  /** Of the datagram before, as they come in rows. */
  #lastAssociation: InboundAssociation | undefined;
  #lastSpi = 0;
  #lastTunnel: TunnelPlane | undefined;

  /**
   * @param associations by SPI as a signed number, which V8 keeps without allocating; may change when `forget` is called
   * @param opener that of all associations
   * @param counters the worker's
   */
  constructor(
    arena: Arena,
    associations: ReadonlyMap<number, InboundAssociation>,
    opener: RowOpener,
    counters: Float64Array,
    taker: OpenedTaker,
  ) {
    this.#arena = arena;
    this.#associations = associations;
    this.#opener = opener;
    this.#counters = counters;
    this.#taker = taker;
  }

  /** Forgets what it remembered of associations and tunnels; to be called when any of them changes. */
  forget(): void {
    this.#lastAssociation = undefined;
    this.#enlisted = undefined;
    this.#lastTunnel = undefined;
  }

  /** A datagram that may be authentic waits for those that came with it. */
  enlist(offset: number, length: number): void {
    const data = this.#arena.data;
    if (length < ESP_SHORTEST || (length & 3) !== 0) {
      const keepalive = length === 1 && data.getUint8(offset) === NAT_KEEPALIVE;
      count(this.#counters, keepalive ? workerSlot.natKeepalives : workerSlot.refusedMalformed);
      return;
    }
    const association = this.#associationOf(data.getInt32(offset));
    const tunnel = association === undefined ? undefined : this.#tunnelOf(association.tunnel);
    if (association === undefined || tunnel === undefined) {
      count(this.#counters, workerSlot.refusedUnknownSpi);
      return;
    }
    const opener = this.#opener;
    if (opener.isFull || (opener.count > 0 && association !== this.#enlisted)) this.open();
    if (!association.enlist(offset, length)) {
      count(tunnel.counters, tunnelSlot.refusedReplayed);
      return;
    }
    const place = opener.count - 1;
    this.#enlisted = association;
    this.#offsets[place] = offset;
    this.#lengths[place] = length;
  }

  /** Opens what waits, and hands over one after the other. */
  open(): void {
    const opener = this.#opener;
    const association = this.#enlisted;
    if (opener.count === 0 || association === undefined) return;
    opener.run();
    for (let place = 0; place < opener.count; place++) {
      const tunnel = this.#tunnelOf(association.tunnel);
      if (tunnel === undefined) break;
      const offset = this.#offsets[place] as number;
      const verdict = association.accept(place, offset);
      if (verdict === opened)
        this.#taker.takeOpened(tunnel, association, offset, this.#lengths[place] as number);
      else if (verdict === replayed) count(tunnel.counters, tunnelSlot.refusedReplayed);
      else count(tunnel.counters, tunnelSlot.refusedNotAuthentic);
    }
    opener.clear();
  }

  /** @param spi as a signed number */
  #associationOf(spi: number): InboundAssociation | undefined {
    if (this.#lastAssociation !== undefined && this.#lastSpi === spi) return this.#lastAssociation;
    this.#lastAssociation = this.#associations.get(spi);
    this.#lastSpi = spi;
    return this.#lastAssociation;
  }

  #tunnelOf(id: number): TunnelPlane | undefined {
    if (this.#lastTunnel?.id === id) return this.#lastTunnel;
    this.#lastTunnel = this.#taker.tunnel(id);
    return this.#lastTunnel;
  }
}
