/**
 * A control message with nothing but text and numbers in it, for people and for JSON.
 *
 * Contract: addresses and endpoints are text, other bytes are hexadecimal; names are those of messages.ts.
 */
import { formatEndpoint } from '../../network/ip-address.ts';
import type { Frame } from '../control/deframer.ts';
import type { DecodeProblem, DecodeResult } from '../control/message-codec.ts';
import type { ControlMessage } from '../control/messages.ts';

export type PlainMessage = Readonly<Record<string, unknown>>;

/** With `problem` in place of the fields where they cannot be read. */
export function plainMessage(frame: Frame, decoded: DecodeResult): PlainMessage {
  const { messageId, type: typeNumber, body } = frame;
  if (!decoded.ok)
    return { messageId, typeNumber, problem: problemText(decoded.problem), body: body.toHex() };
  const { type, ...fields } = decoded.message;
  return { messageId, message: type, ...plainFields(fields) };
}

function problemText(problem: DecodeProblem): string {
  return 'field' in problem ? `${problem.kind} ${problem.field}` : problem.kind;
}

function plainFields(fields: Omit<ControlMessage, 'type'>): PlainMessage {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return value.toHex();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if ('family' in value && 'text' in value) return value.text;
  if ('address' in value && 'port' in value)
    return formatEndpoint(value as Parameters<typeof formatEndpoint>[0]);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
