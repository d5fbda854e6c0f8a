/**
 * `backstay decode`: what a capture shows of a tunnel, or what one message, report or payload in hexadecimal says.
 *
 * Contract: what could be read is printed also when an error follows. Throws: BS_DECODE_FAILED, BS_USAGE.
 */

import { createReadStream } from 'node:fs';
import { BackstayError } from '../../errors.ts';
import { CaptureDecoder } from '../../tunnel/capture/capture-decoder.ts';
import { type CaptureProblem, CaptureReader } from '../../tunnel/capture/capture-file.ts';
import { readSinglePacket, type SinglePacket } from '../../tunnel/capture/single-packet.ts';
import { findingJson, findingLine, packetJson, packetLines } from '../decoded-text.ts';
import type { Terminal } from '../terminal.ts';

export type DecodeOptions = { readonly json?: boolean; readonly hex?: string; readonly port: string };

export async function decode(
  file: string | undefined,
  options: DecodeOptions,
  terminal: Terminal,
): Promise<void> {
  if (options.hex === undefined) return decodeCapture(file, options, terminal);
  if (file !== undefined) throw new BackstayError('BS_USAGE', 'Either a file or --hex can be decoded.');
  decodeHex(options.hex, options, terminal);
}

async function decodeCapture(file = '-', { json, port }: DecodeOptions, terminal: Terminal): Promise<void> {
  const reader = new CaptureReader();
  const decoder = new CaptureDecoder(portsOf(port));
  for await (const chunk of chunksOf(file)) {
    for (const finding of reader.push(chunk).flatMap((frame) => decoder.take(frame)))
      terminal.out(json ? `${JSON.stringify(findingJson(finding))}\n` : `${findingLine(finding)}\n`);
  }
  const problem = reader.end();
  if (problem !== undefined) throw failed(placeOf(file), captureProblems[problem]);
}

function decodeHex(text: string, { json }: DecodeOptions, terminal: Terminal): void {
  const packet = readSinglePacket(bytesOfHex(text));
  if (packet.kind !== 'message' && packet.kind !== 'report' && packet.kind !== 'aggfrag')
    throw failed('--hex', packetProblem(packet));
  terminal.out(json ? `${JSON.stringify(packetJson(packet))}\n` : packetLines(packet));
  if (packet.kind === 'message' && !packet.decoded.ok)
    throw failed('--hex', 'The fields of the message cannot be read.');
}

/** Digits as people copy them: with blanks, colons and line breaks between, and perhaps with 0x before. */
function bytesOfHex(text: string): Uint8Array {
  const digits = text.replace(/0x/gi, '').replace(/[\s:]/g, '');
  if (!/^(?:[0-9a-f]{2})+$/i.test(digits))
    throw failed('--hex', 'That is no row of bytes in hexadecimal digits.');
  return Uint8Array.fromHex(digits);
}

function portsOf(text: string): number[] {
  return text.split(',').map((part) => {
    const port = Number(part);
    if (/^\d+$/.test(part) && port >= 1 && port <= 65_535) return port;
    throw new BackstayError('BS_USAGE', `"${part}" is no port.`);
  });
}

async function* chunksOf(file: string): AsyncIterable<Uint8Array> {
  try {
    yield* file === '-' ? process.stdin : createReadStream(file);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw failed(placeOf(file), `The file cannot be read (${code}).`, cause);
  }
}

function placeOf(file: string): string {
  return file === '-' ? 'standard input' : file;
}

const captureProblems: Record<CaptureProblem, string> = {
  empty: 'There is nothing in it.',
  notACapture: 'It is neither pcap nor pcapng.',
  badRecord: 'A record of it is damaged; what comes before is shown.',
  cutShort: 'It ends in the middle of a record; what comes before is shown.',
};

function packetProblem(packet: Exclude<SinglePacket, { kind: 'message' | 'report' | 'aggfrag' }>): string {
  switch (packet.kind) {
    case 'badHeader':
      return `The header of the message is wrong (${packet.problem}).`;
    case 'cutShort':
      return 'The message is cut short.';
    case 'tooLong':
      return 'There is more than one message.';
    case 'neither':
      return 'It is no control message, report or AGGFRAG payload, or it is cut short.';
  }
}

function failed(place: string, message: string, cause?: unknown): BackstayError {
  return new BackstayError('BS_DECODE_FAILED', message, { place, cause });
}
