/**
 * What the kernel sealed, written down so that a unit test can open it without a virtual machine.
 *
 * Shape of the file: keys and packets in hexadecimal, sequence numbers in decimal text (they exceed 53 bits). `esp` is
 * the payload of the UDP datagram, `inner` what its tag vouches for.
 */
import type { EspContent } from '../../esp-reference.ts';
import type { Association } from './kernel-end.ts';
import type { Received } from './reference-end.ts';

export type EspCorpus = {
  readonly source: string;
  readonly association: Association;
  /** In the order of their numbers; all of them are valid. */
  readonly packets: readonly (EspContent & { readonly esp: Buffer })[];
};

type CorpusFile = {
  readonly source: string;
  readonly spi: number;
  /** AES-256 key. */
  readonly key: string;
  /** The 4 octets of the nonce that come before the IV. */
  readonly salt: string;
  readonly lastSequence: string;
  readonly packets: readonly {
    readonly sequence: string;
    readonly nextHeader: number;
    readonly esp: string;
    readonly inner: string;
  }[];
};

export function formatCorpus(
  source: string,
  association: Association,
  received: readonly Received[],
): string {
  const { spi, key, salt, lastSequence } = association;
  const packets = received.flatMap(({ packet, opened }) => {
    if (!opened.valid) return [];
    const { sequence, nextHeader, payload } = opened;
    const [esp, inner] = [packet.toString('hex'), payload.toString('hex')];
    return [{ sequence: String(sequence), nextHeader, esp, inner }];
  });
  const file: CorpusFile = {
    ...{ source, spi, key: key.toString('hex'), salt: salt.toString('hex') },
    ...{ lastSequence: String(lastSequence), packets },
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

export function parseCorpus(text: string): EspCorpus {
  const { source, spi, key, salt, lastSequence, packets }: CorpusFile = JSON.parse(text);
  const association = {
    ...{ spi, key: Buffer.from(key, 'hex'), salt: Buffer.from(salt, 'hex') },
    lastSequence: BigInt(lastSequence),
  };
  const parsed = packets.map(({ sequence, nextHeader, esp, inner }) => ({
    ...{ sequence: BigInt(sequence), nextHeader, payload: Buffer.from(inner, 'hex') },
    esp: Buffer.from(esp, 'hex'),
  }));
  return { source, association, packets: parsed };
}
