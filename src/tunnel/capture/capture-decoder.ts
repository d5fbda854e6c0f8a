/**
 * What a capture shows of a tunnel without its keys: the heads of ESP packets, the messages that travel in the clear,
 * and that there is TLS.
 *
 * Contract: takes frames in their order. Never throws, whatever the frames hold; holds a bounded number of
 * connections. UDP is looked at on the ports of the tunnel only, TCP on every port: there the marker tells.
 * Source: docs/wire-format.md, docs/control-protocol.md.
 */
import { type Endpoint, formatEndpoint } from '../../network/ip-address.ts';
import type { Frame } from '../control/deframer.ts';
import { type DecodeResult, decodeMessage } from '../control/message-codec.ts';
import { ESP_PAYLOAD_OFFSET, ESP_SHORTEST } from '../esp/format.ts';
import { laneOf, orderOf } from '../esp/packet-number.ts';
import { ESP_FRAME } from '../esp/stream-frame.ts';
import { BundleStream, type StreamFind } from './bundle-stream.ts';
import type { CapturedFrame } from './capture-file.ts';
import { readOuterPacket } from './outer-packet.ts';

export type EspHead = {
  readonly spi: number;
  /** The lower 32 bits, as they are in the packet. */
  readonly sequenceLow: number;
  readonly iv: Uint8Array;
  /** What the IV says if a Backstay gateway built it. */
  readonly numbers: { readonly sequence: number; readonly lane: number; readonly order: number } | undefined;
  /** Of the ESP packet, as far as it was captured. */
  readonly bytes: number;
};

export type Finding = {
  readonly atMillis: number | undefined;
  readonly from: string;
  readonly to: string;
} & (
  | { readonly kind: 'esp'; readonly head: EspHead }
  | { readonly kind: 'natKeepalive' }
  | { readonly kind: 'notEsp'; readonly bytes: number }
  | { readonly kind: 'message'; readonly frame: Frame; readonly decoded: DecodeResult }
  | Exclude<StreamFind, { kind: 'message' }>
);

/** More connections at a time than this are not one gateway's; the one that was silent longest is forgotten. */
const maxStreams = 4_096;

export class CaptureDecoder {
  readonly #ports: ReadonlySet<number>;
  readonly #streams = new Map<string, BundleStream>();

  /** @param ports UDP ports of the tunnel's links */
  constructor(ports: readonly number[]) {
    this.#ports = new Set(ports);
  }

  take({ linkType, atMillis, bytes }: CapturedFrame): Finding[] {
    const packet = readOuterPacket(linkType, bytes);
    if (packet === undefined) return [];
    const ends = { atMillis, from: formatEndpoint(packet.source), to: formatEndpoint(packet.destination) };
    if (packet.protocol === 'udp') {
      return this.#isOurs(packet.source, packet.destination)
        ? [{ ...ends, ...readDatagram(packet.payload) }]
        : [];
    }
    const finds = this.#stream(`${ends.from} ${ends.to}`).take(packet);
    return finds.map((find) => ({ ...ends, ...withMessage(find) }));
  }

  #isOurs(...ends: readonly Endpoint[]): boolean {
    return ends.some(({ port }) => this.#ports.has(port));
  }

  #stream(key: string): BundleStream {
    const stream = this.#streams.get(key) ?? new BundleStream();
    this.#streams.delete(key);
    this.#streams.set(key, stream);
    const [oldest] = this.#streams.keys();
    if (this.#streams.size > maxStreams && oldest !== undefined) this.#streams.delete(oldest);
    return stream;
  }
}

/** A path's own connection carries ESP packets behind the header of a message (docs/control-protocol.md). */
function withMessage(find: StreamFind) {
  if (find.kind === 'message' && find.frame.type === ESP_FRAME) return readDatagram(find.frame.body);
  return find.kind === 'message' ? { ...find, decoded: decodeMessage(find.frame) } : find;
}

function readDatagram(payload: Uint8Array) {
  if (payload.length === 1 && payload[0] === 0xff) return { kind: 'natKeepalive' } as const;
  // Four bytes of zero are IKE's (RFC 3948, 2.2), and no SPI.
  const isEsp = payload.length >= ESP_SHORTEST && payload.subarray(0, 4).some((byte) => byte !== 0);
  return isEsp
    ? ({ kind: 'esp', head: readEspHead(payload) } as const)
    : ({ kind: 'notEsp', bytes: payload.length } as const);
}

function readEspHead(payload: Uint8Array): EspHead {
  const view = new DataView(payload.buffer, payload.byteOffset, ESP_PAYLOAD_OFFSET);
  const [spi, sequenceLow, high, low] = [0, 4, 8, 12].map((at) => view.getUint32(at)) as [
    number,
    number,
    number,
    number,
  ];
  const sequence = (high & 0xfff) * 2 ** 32 + sequenceLow;
  const numbers =
    low === sequenceLow ? { sequence, lane: laneOf(high, low, sequence), order: orderOf(high) } : undefined;
  return { spi, sequenceLow, iv: payload.slice(8, ESP_PAYLOAD_OFFSET), numbers, bytes: payload.length };
}
