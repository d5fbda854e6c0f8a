/**
 * Keeps what seals and opens packets in the processor's caches while a conversation pauses.
 *
 * Contract: `warm` seals one small packet of nobody's and opens it again, in memory, under a key that it made for itself; no byte
 * of it goes anywhere, no association of a tunnel is touched. To be called while the openers' row is empty, as it is
 * between two receives. Allocates nothing per call.
 *
 * Why: code and tables of libcrypto and of our own that were not used for some milliseconds are gone from the caches
 * next to the processor, and the next packet pays for each line (docs/decisions/0021).
 */
import { randomBytes } from 'node:crypto';
import { KEY_LENGTH } from '../linux/aead.ts';
import { saltBytes } from '../tunnel/control/key-schedule.ts';
import { nextHeader, sealedLength } from '../tunnel/esp/format.ts';
import { NO_LANE } from '../tunnel/esp/packet-number.ts';
import { type AssociationMemory, InboundAssociation, OutboundAssociation, opened } from './association.ts';

/** An echo request as ping(8) sends it over IPv4: about what a question or an answer is long. */
const PACKET_BYTES = 84;
/** SPIs below 256 are reserved (RFC 4303, 2.1): no association of a tunnel has it. */
const NOBODYS_SPI = 1;
const NO_TUNNEL = -1;

export class CacheWarmer {
  readonly #memory: AssociationMemory;
  readonly #outbound: OutboundAssociation;
  readonly #inbound: InboundAssociation;
  readonly #input: number;
  readonly #sealed: number;

  constructor(memory: AssociationMemory) {
    const keys = { key: randomBytes(KEY_LENGTH), salt: randomBytes(saltBytes), spi: NOBODYS_SPI };
    this.#memory = memory;
    this.#outbound = new OutboundAssociation(memory, {
      ...keys,
      finishChecksums: false,
      packetLimit: Number.MAX_SAFE_INTEGER,
    });
    this.#inbound = new InboundAssociation(memory, { ...keys, tunnel: NO_TUNNEL });
    this.#input = memory.arena.reserve(sealedLength(PACKET_BYTES), 64);
    this.#sealed = memory.arena.reserve(sealedLength(PACKET_BYTES), 64);
  }

  /** @returns whether what was sealed could be opened */
  warm(): boolean {
    const { opener } = this.#memory;
    const length = this.#outbound.seal(this.#input, PACKET_BYTES, nextHeader.ipv4, NO_LANE, this.#sealed);
    if (length === 0 || !this.#inbound.enlist(this.#sealed, length)) return false;
    opener.run();
    const verdict = this.#inbound.accept(0, this.#sealed);
    opener.clear();
    return verdict === opened;
  }

  close(): void {
    this.#outbound.close();
    this.#inbound.close();
  }
}
