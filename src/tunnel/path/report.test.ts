import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GuardedView } from '../../../test/fixtures/guarded-view.ts';
import {
  MAX_PATHS,
  RECORD_LENGTH,
  REPORT_HEADER_LENGTH,
  REPORT_LONGEST,
  REPORT_VERSION,
  type ReceptionRecord,
  type ReportHeader,
  readRecord,
  readReportHeader,
  recordOffset,
  writeRecord,
  writeReportHeader,
} from './report.ts';

const AT = 7;

function emptyHeader(): ReportHeader {
  return { trial: false, size: false, answerAtOnce: false, path: 0, number: 0, stamp: 0, echo: 0, held: 0 };
}

function emptyRecord(): ReceptionRecord {
  return { path: 0, age: 0, spi: 0, newest: 0, packets: 0, bytes: 0 };
}

/** Reads bytes that lie amid others, in a view that lets nothing outside them be read. */
function read(bytes: Uint8Array): { header: ReportHeader; records: ReceptionRecord[] } | undefined {
  const memory = new Uint8Array(AT + bytes.length + 50).fill(0xff);
  memory.set(bytes, AT);
  const view = new GuardedView(memory.buffer);
  view.allow(AT, bytes.length);
  const header = emptyHeader();
  const count = readReportHeader(view, AT, bytes.length, header);
  if (count < 0) return undefined;
  const records = Array.from({ length: count }, (_, index) => {
    const record = emptyRecord();
    readRecord(view, recordOffset(AT, index), record);
    return record;
  });
  return { header, records };
}

function write(header: ReportHeader, records: readonly ReceptionRecord[]): Uint8Array {
  const length = REPORT_HEADER_LENGTH + records.length * RECORD_LENGTH;
  const memory = new Uint8Array(AT + length);
  const view = new GuardedView(memory.buffer);
  view.allow(AT, length);
  writeReportHeader(view, AT, header, records.length);
  for (const [index, record] of records.entries()) writeRecord(view, recordOffset(AT, index), record);
  return memory.slice(AT);
}

const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const plain = { noNullPrototype: true };
const headers = fc.record(
  {
    trial: fc.boolean(),
    size: fc.boolean(),
    answerAtOnce: fc.boolean(),
    path: u16,
    number: u32,
    stamp: u32,
    echo: u32,
    held: u32,
  },
  plain,
);
const newest = fc.oneof(
  fc.maxSafeNat(),
  u32,
  fc.nat(100).map((by) => 2 ** 32 - 50 + by),
);
const age = u16.map((steps) => steps * 32);
const record = fc.record({ path: u16, age, spi: u32, newest, packets: u32, bytes: u32 }, plain);
const records = fc.array(record, { maxLength: MAX_PATHS, size: 'max' });

describe('a path report', () => {
  it('of the committed corpus is read or refused as it says there', () => {
    const corpus = readFileSync(
      new URL('../../../test/corpus/path-report/reports.txt', import.meta.url),
      'utf8',
    );
    let lines = 0;
    for (const line of corpus.split('\n')) {
      const match = /^(-?\d+) ([0-9a-f]*) ?: (.*)$/.exec(line);
      if (match === null) continue;
      lines++;
      const expected = Number(match[1]);
      assert.equal(read(Uint8Array.fromHex(match[2] as string))?.records.length ?? -1, expected, line);
    }
    assert.ok(lines > 10);
  });

  it('is read as it was written', () => {
    const property = fc.property(headers, records, (header, list) => {
      const bytes = write(header, list);
      assert.ok(bytes.length <= REPORT_LONGEST);
      assert.deepEqual(read(bytes), { header, records: list });
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('is read as before when a later version appends something', () => {
    const property = fc.property(headers, records, fc.uint8Array({ minLength: 1 }), (header, list, more) => {
      assert.deepEqual(read(Uint8Array.from([...write(header, list), ...more])), { header, records: list });
    });
    fc.assert(property);
  });

  it('that was cut short or says it has more records than it has is refused', () => {
    const property = fc.property(headers, records, fc.nat(255), fc.nat(), (header, list, count, cut) => {
      const bytes = write(header, list);
      assert.equal(read(bytes.slice(0, cut % bytes.length)), undefined);
      bytes[20] = count;
      if (count > list.length) assert.equal(read(bytes), undefined);
    });
    fc.assert(property);
  });

  it('of another version, or with more records than a tunnel has paths, is refused', () => {
    const bytes = write(emptyHeader(), []);
    for (let version = 0; version < 256; version++) {
      bytes[0] = version;
      assert.equal(read(bytes) !== undefined, version === REPORT_VERSION);
    }
    const many = new Uint8Array(REPORT_LONGEST + RECORD_LENGTH);
    many[0] = REPORT_VERSION;
    many[20] = MAX_PATHS + 1;
    assert.equal(read(many), undefined);
  });

  it('of random bytes never throws and never reads beyond them', () => {
    const bytes = fc.uint8Array({ maxLength: 600, size: 'max' });
    const likely = fc.tuple(bytes, fc.nat(20)).map(([random, count]) => {
      if (random.length > 20) random.set([REPORT_VERSION], 0);
      if (random.length > 20) random.set([count], 20);
      return random;
    });
    fc.assert(
      fc.property(fc.oneof(bytes, likely), (random) => void read(random)),
      { numRuns: 1000 },
    );
  });
});
