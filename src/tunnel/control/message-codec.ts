/**
 * Control messages to bytes and back.
 *
 * Contract: `decodeMessage` never throws and accepts nothing that `encodeMessage` could not have made, unknown fields
 * and unknown codes apart. The caller of `encodeMessage` gives numbers that fit their fields.
 * The byte-by-byte description is docs/control-protocol.md.
 */
import { type Endpoint, type IpAddress, ipAddressOf } from '../../network/ip-address.ts';
import { encodeBundle } from './bundle-header.ts';
import type { Frame } from './deframer.ts';
import { type FieldName, type FieldProblem, FieldReader, FieldWriter } from './field-codec.ts';
import {
  type ControlMessage,
  challengeBytes,
  closeReason,
  dropReason,
  type LinkAddReply,
  type LinkAddress,
  type LinkAuthenticateResult,
  linkAddResult,
  linkAuthenticateResult,
  linkTicketBytes,
  messageType,
  minInnerMtu,
  minSpi,
  openResult,
  proofBytes,
  type TunnelOpenReply,
  type TunnelOpenRequest,
  tunnelInstanceBytes,
} from './messages.ts';

export type DecodeProblem = { readonly kind: 'unknownType' } | FieldProblem;

export type DecodeResult =
  | { readonly ok: true; readonly message: ControlMessage }
  | { readonly ok: false; readonly problem: DecodeProblem };

export function encodeMessage(messageId: number, message: ControlMessage): Uint8Array {
  return encodeBundle(messageId, messageType[message.type], encodeBody(message));
}

export function decodeMessage(frame: Frame): DecodeResult {
  const type = nameOf(messageType, frame.type);
  if (type === undefined) return { ok: false, problem: { kind: 'unknownType' } };
  const reader = new FieldReader(frame.body);
  const message = decodeBody(type, reader);
  return reader.problem === undefined ? { ok: true, message } : { ok: false, problem: reader.problem };
}

function encodeBody(message: ControlMessage): Uint8Array {
  const writer = new FieldWriter();
  switch (message.type) {
    case 'tunnelOpenRequest':
      return writeOpenRequest(writer, message).body();
    case 'tunnelOpenReply':
      return writeOpenReply(writer, message).body();
    case 'linkAddRequest':
      return writer
        .uint16('pathId', message.pathId)
        .bytes('sourceAddress', message.sourceAddress.bytes)
        .uint8('wantedLinkIndex', message.wantedLinkIndex)
        .body();
    case 'linkAddReply':
      writer.uint16('pathId', message.pathId).uint8('result', linkAddResult[message.result]);
      if (message.result === 'ok') writer.bytes('endpoint', endpointBytes(message.endpoint));
      return writer.body();
    case 'linkDrop':
      return writer.uint16('pathId', message.pathId).uint8('reason', dropReason[message.reason]).body();
    case 'linkList':
      return writeLinks(writer, message.links).body();
    case 'tunnelClose':
      return writer.uint8('reason', closeReason[message.reason]).body();
    case 'keepalive':
    case 'keepaliveReply':
      return writer.body();
    case 'linkAuthenticateRequest':
      return writer
        .bytes('linkTicket', message.ticket)
        .uint16('pathId', message.pathId)
        .bytes('challenge', message.challenge)
        .body();
    case 'linkAuthenticateChallenge':
      return writer.bytes('challenge', message.challenge).body();
    case 'linkAuthenticateResponse':
      return writer.bytes('proof', message.proof).body();
    case 'linkAuthenticateResult':
      writer.uint8('result', linkAuthenticateResult[message.result]);
      if (message.result === 'ok') writer.bytes('proof', message.proof);
      return writer.body();
  }
}

function decodeBody(type: keyof typeof messageType, reader: FieldReader): ControlMessage {
  switch (type) {
    case 'tunnelOpenRequest':
      return readOpenRequest(reader);
    case 'tunnelOpenReply':
      return readOpenReply(reader);
    case 'linkAddRequest':
      return {
        type,
        pathId: reader.uint16('pathId'),
        sourceAddress: unicast(reader, 'sourceAddress', reader.bytes('sourceAddress', 4, 16)),
        wantedLinkIndex: reader.uint8('wantedLinkIndex'),
      };
    case 'linkAddReply':
      return readLinkAddReply(reader);
    case 'linkDrop':
      return { type, pathId: reader.uint16('pathId'), reason: code(dropReason, reader.uint8('reason')) };
    case 'linkList':
      return { type, links: readLinks(reader) };
    case 'tunnelClose':
      return { type, reason: code(closeReason, reader.uint8('reason')) };
    case 'keepalive':
    case 'keepaliveReply':
      return { type };
    case 'linkAuthenticateRequest':
      return {
        type,
        ticket: reader.bytes('linkTicket', linkTicketBytes),
        pathId: reader.uint16('pathId'),
        challenge: reader.bytes('challenge', challengeBytes),
      };
    case 'linkAuthenticateChallenge':
      return { type, challenge: reader.bytes('challenge', challengeBytes) };
    case 'linkAuthenticateResponse':
      return { type, proof: reader.bytes('proof', proofBytes) };
    case 'linkAuthenticateResult':
      return readLinkAuthenticateResult(reader);
  }
}

function writeOpenRequest(writer: FieldWriter, message: TunnelOpenRequest): FieldWriter {
  return writer
    .uint16('versionMin', message.versionMin)
    .uint16('versionMax', message.versionMax)
    .bytes('tunnelInstance', message.tunnelInstance)
    .uint32('spi', message.initiatorSpi)
    .uint32('capabilities', message.capabilities)
    .uint16('innerMtu', message.innerMtu)
    .uint32('generation', message.generation);
}

function readOpenRequest(reader: FieldReader): TunnelOpenRequest {
  const versionMin = reader.uint16('versionMin');
  const versionMax = reader.uint16('versionMax');
  if (versionMin > versionMax) reader.reject('badValue', 'versionMin');
  return {
    type: 'tunnelOpenRequest',
    versionMin,
    versionMax,
    tunnelInstance: reader.bytes('tunnelInstance', tunnelInstanceBytes),
    initiatorSpi: atLeast(reader, 'spi', minSpi, reader.uint32('spi')),
    capabilities: reader.uint32('capabilities'),
    innerMtu: atLeast(reader, 'innerMtu', minInnerMtu, reader.uint16('innerMtu')),
    generation: reader.uint32('generation'),
  };
}

function writeOpenReply(writer: FieldWriter, message: TunnelOpenReply): FieldWriter {
  writer.uint8('result', openResult[message.result]);
  if (message.result !== 'ok') return writer;
  writer
    .uint16('version', message.version)
    .uint32('spi', message.responderSpi)
    .uint32('capabilities', message.capabilities)
    .uint16('innerMtu', message.innerMtu)
    .uint8('sessionLinkIndex', message.sessionLinkIndex);
  return writeLinks(writer, message.links);
}

function readOpenReply(reader: FieldReader): TunnelOpenReply {
  const type = 'tunnelOpenReply';
  const result = code(openResult, reader.uint8('result'));
  if (result !== 'ok') return { type, result };
  return {
    type,
    result,
    version: reader.uint16('version'),
    responderSpi: atLeast(reader, 'spi', minSpi, reader.uint32('spi')),
    capabilities: reader.uint32('capabilities'),
    innerMtu: atLeast(reader, 'innerMtu', minInnerMtu, reader.uint16('innerMtu')),
    sessionLinkIndex: reader.uint8('sessionLinkIndex'),
    links: readLinks(reader),
  };
}

function readLinkAddReply(reader: FieldReader): LinkAddReply {
  const pathId = reader.uint16('pathId');
  const result = code(linkAddResult, reader.uint8('result'));
  if (result !== 'ok') return { type: 'linkAddReply', pathId, result };
  return {
    type: 'linkAddReply',
    pathId,
    result,
    endpoint: readEndpoint(reader, 'endpoint', reader.bytes('endpoint', 6, 18)),
  };
}

function readLinkAuthenticateResult(reader: FieldReader): LinkAuthenticateResult {
  const type = 'linkAuthenticateResult';
  const result = code(linkAuthenticateResult, reader.uint8('result'));
  return result === 'ok' ? { type, result, proof: reader.bytes('proof', proofBytes) } : { type, result };
}

function writeLinks(writer: FieldWriter, links: readonly LinkAddress[]): FieldWriter {
  for (const { linkIndex, endpoint } of links) {
    writer.bytes('linkAddress', Uint8Array.of(linkIndex, ...endpointBytes(endpoint)));
  }
  return writer;
}

function readLinks(reader: FieldReader): LinkAddress[] {
  const seen = new Set<string>();
  return reader.list('linkAddress', 7, 19).map((bytes) => {
    const link = { linkIndex: bytes[0]!, endpoint: readEndpoint(reader, 'linkAddress', bytes.subarray(1)) };
    const place = `${link.linkIndex} ${link.endpoint.address.family}`;
    if (seen.has(place)) reader.reject('repeated', 'linkAddress');
    seen.add(place);
    return link;
  });
}

/** Port, then address; the length tells the family. */
function endpointBytes(endpoint: Endpoint): Uint8Array {
  return Uint8Array.of(endpoint.port >>> 8, endpoint.port, ...endpoint.address.bytes);
}

function readEndpoint(reader: FieldReader, field: FieldName, bytes: Uint8Array): Endpoint {
  const port = bytes[0]! * 256 + bytes[1]!;
  return {
    address: unicast(reader, field, bytes.subarray(2)),
    port: atLeast(reader, field, 1, port),
  };
}

/** Packets will be sent to this address: it must at least be one machine's. */
function unicast(reader: FieldReader, field: FieldName, bytes: Uint8Array): IpAddress {
  const first = bytes[0]!;
  const isUnicast =
    bytes.length === 4 ? first !== 0 && first < 224 : first !== 0xff && bytes.some((byte) => byte !== 0);
  if (!isUnicast) reader.reject('badValue', field);
  return ipAddressOf(bytes);
}

function atLeast(reader: FieldReader, field: FieldName, least: number, value: number): number {
  if (value < least) reader.reject('badValue', field);
  return value;
}

function code<Codes extends Record<string, number>>(
  codes: Codes,
  value: number,
): keyof Codes | 'unspecified' {
  return nameOf(codes, value) ?? 'unspecified';
}

function nameOf<Codes extends Record<string, number>>(codes: Codes, value: number): keyof Codes | undefined {
  return Object.keys(codes).find((name) => codes[name] === value);
}
