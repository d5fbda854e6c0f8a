/**
 * The fields of a control message's body: type (16 bits), length of the value (16 bits), value; all big-endian.
 *
 * Contract: the writer makes a body. The reader never throws: it keeps the first problem it meets, gives harmless
 * values from then on, and the decoder asks once at the end. A field nobody asks for is skipped by its length, so a
 * newer peer may add fields; an asked-for field that comes twice is a problem, since nobody can say which one holds.
 */

/** Numbers are never reused: an old peer must be able to skip what it does not know. */
export const fieldType = {
  versionMin: 1,
  versionMax: 2,
  version: 3,
  tunnelInstance: 4,
  spi: 5,
  capabilities: 6,
  innerMtu: 7,
  generation: 8,
  result: 9,
  linkAddress: 10,
  sessionLinkIndex: 11,
  pathId: 12,
  sourceAddress: 13,
  wantedLinkIndex: 14,
  endpoint: 15,
  reason: 16,
  linkTicket: 17,
  challenge: 18,
  proof: 19,
} as const;

export type FieldName = keyof typeof fieldType;

/** `overrun`: a length that reaches past the end of the body, or less than a field's head left over. */
export type FieldProblem =
  | { readonly kind: 'overrun' }
  | { readonly kind: 'missing' | 'repeated' | 'wrongLength' | 'badValue'; readonly field: FieldName };

const fieldHeadBytes = 4;

export class FieldWriter {
  readonly #parts: Uint8Array[] = [];

  uint8(field: FieldName, value: number): this {
    return this.bytes(field, Uint8Array.of(value));
  }

  uint16(field: FieldName, value: number): this {
    return this.bytes(field, Uint8Array.of(value >>> 8, value));
  }

  uint32(field: FieldName, value: number): this {
    return this.bytes(field, Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
  }

  bytes(field: FieldName, value: Uint8Array): this {
    const type = fieldType[field];
    this.#parts.push(Uint8Array.of(type >>> 8, type, value.length >>> 8, value.length), value);
    return this;
  }

  body(): Uint8Array {
    const body = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of this.#parts) {
      body.set(part, offset);
      offset += part.length;
    }
    return body;
  }
}

export class FieldReader {
  readonly #values = new Map<number, Uint8Array[]>();
  #problem: FieldProblem | undefined;

  constructor(body: Uint8Array) {
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    let offset = 0;
    while (offset < body.length) {
      const valueStart = offset + fieldHeadBytes;
      const valueEnd = valueStart <= body.length ? valueStart + view.getUint16(offset + 2) : Infinity;
      if (valueEnd > body.length) {
        this.#problem = { kind: 'overrun' };
        return;
      }
      const type = view.getUint16(offset);
      const values = this.#values.get(type) ?? [];
      values.push(body.subarray(valueStart, valueEnd));
      this.#values.set(type, values);
      offset = valueEnd;
    }
  }

  /** The first problem met so far; what was read is only good while this is undefined. */
  get problem(): FieldProblem | undefined {
    return this.#problem;
  }

  uint8(field: FieldName): number {
    return this.#number(field, 1);
  }

  uint16(field: FieldName): number {
    return this.#number(field, 2);
  }

  uint32(field: FieldName): number {
    return this.#number(field, 4);
  }

  /** A value of one of the given lengths, as a copy. */
  bytes(field: FieldName, ...lengths: readonly number[]): Uint8Array {
    const values = this.#values.get(fieldType[field]) ?? [];
    if (values.length > 1) this.reject('repeated', field);
    const value = values[0];
    if (value === undefined) this.reject('missing', field);
    return this.#checked(field, value, lengths);
  }

  /** All values of a field that may come any number of times, as copies. */
  list(field: FieldName, ...lengths: readonly number[]): Uint8Array[] {
    return (this.#values.get(fieldType[field]) ?? []).map((value) => this.#checked(field, value, lengths));
  }

  /** Notes a problem that only the decoder can see; the first one stays. */
  reject(kind: Exclude<FieldProblem['kind'], 'overrun'>, field: FieldName): void {
    this.#problem ??= { kind, field };
  }

  #checked(field: FieldName, value: Uint8Array | undefined, lengths: readonly number[]): Uint8Array {
    if (value !== undefined && lengths.includes(value.length)) return value.slice();
    this.reject('wrongLength', field);
    return new Uint8Array(lengths[0] ?? 0);
  }

  #number(field: FieldName, length: number): number {
    return this.bytes(field, length).reduce((sum, byte) => sum * 256 + byte, 0);
  }
}
