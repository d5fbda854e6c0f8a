/**
 * What was decoded, as a line for a person and as a value for JSON.
 *
 * Contract: one line for each finding, without control characters; the JSON has the same facts under stable names.
 */
import type { AggfragContent } from '../tunnel/capture/aggfrag-blocks.ts';
import type { Finding } from '../tunnel/capture/capture-decoder.ts';
import { type PlainMessage, plainMessage } from '../tunnel/capture/plain-message.ts';
import type { MissingPart, SinglePacket } from '../tunnel/capture/single-packet.ts';

type Known = Extract<SinglePacket, { kind: 'message' | 'report' | 'aggfrag' }>;

export function findingLine(finding: Finding): string {
  const time = finding.atMillis === undefined ? '' : `${isoTime(finding.atMillis)}  `;
  return `${time}${finding.from} > ${finding.to}  ${findingText(finding)}`;
}

export function findingJson(finding: Finding): object {
  const { atMillis, from, to, kind } = finding;
  const head = { ...(atMillis !== undefined && { at: isoTime(atMillis) }), from, to, kind };
  switch (finding.kind) {
    case 'esp': {
      const { iv, numbers, ...numbersInOpen } = finding.head;
      return { ...head, ...numbersInOpen, iv: iv.toHex(), ...numbers };
    }
    case 'message':
      return { ...head, ...plainMessage(finding.frame, finding.decoded) };
    case 'notEsp':
      return { ...head, bytes: finding.bytes };
    case 'badHeader':
      return { ...head, problem: finding.problem };
    case 'natKeepalive':
    case 'tls':
    case 'bytesMissing':
      return head;
  }
}

export function packetLines(packet: Known): string {
  if (packet.kind === 'message') return `${messageText(plainMessage(packet.frame, packet.decoded))}\n`;
  if (packet.kind === 'aggfrag') return blockLines(packet.content);
  const lines = packet.records.map((record) => `  received: ${fieldsText(record)}\n`);
  return `report ${fieldsText(packet.header)}\n${lines.join('')}${missingText(packet.missing)}`;
}

export function packetJson(packet: Known): object {
  if (packet.kind === 'message') return { kind: 'message', ...plainMessage(packet.frame, packet.decoded) };
  if (packet.kind === 'aggfrag') return { kind: 'aggfrag', ...packet.content };
  return { kind: 'report', ...packet.header, records: packet.records, missing: packet.missing };
}

function blockLines({ blocks, ...header }: AggfragContent): string {
  const lines = blocks.map(({ kind, ...sizes }) => `  ${kind} ${fieldsText(sizes)}\n`);
  return `aggfrag ${fieldsText(header)}\n${lines.join('')}`;
}

function missingText(missing: MissingPart | undefined): string {
  if (missing === undefined) return '';
  const { gaps, ...header } = missing;
  const rows = gaps.map(({ from, to }) => (from === to ? ` ${from}` : ` ${from}-${to}`));
  return `  missing: ${fieldsText(header)}${rows.length === 0 ? ' nothing' : rows.join(',')}\n`;
}

function findingText(finding: Finding): string {
  switch (finding.kind) {
    case 'esp': {
      const { spi, sequenceLow, iv, numbers, bytes } = finding.head;
      const known = numbers === undefined ? 'not built by Backstay' : fieldsText(numbers);
      return `ESP spi=0x${spi.toString(16).padStart(8, '0')} sequenceLow=${sequenceLow} iv=${iv.toHex()} (${known}) bytes=${bytes}`;
    }
    case 'natKeepalive':
      return 'NAT keepalive';
    case 'notEsp':
      return `not ESP, bytes=${finding.bytes}`;
    case 'message':
      return messageText(plainMessage(finding.frame, finding.decoded));
    case 'badHeader':
      return `no message: ${finding.problem} in a header`;
    case 'tls':
      return 'TLS begins: the rest of this direction is encrypted';
    case 'bytesMissing':
      return 'bytes are missing in the capture';
  }
}

function messageText({ messageId, message, typeNumber, problem, ...fields }: PlainMessage): string {
  const name = message === undefined ? `message of type ${typeNumber} (${problem})` : `${message}`;
  return `${name} id=${messageId} ${fieldsText(fields)}`.trimEnd();
}

function fieldsText(fields: object): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' ');
}

/** Outside of what a date can be, as a hostile file may say, there is no such time. */
function isoTime(millis: number): string {
  const date = new Date(millis);
  return Number.isNaN(date.getTime()) ? 'at no time' : date.toISOString();
}
