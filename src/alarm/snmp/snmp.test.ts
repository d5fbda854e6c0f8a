import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { linkDown, sent } from '../../../test/fixtures/alarm-rig.ts';
import { berInteger, berObjectIdentifier, berOctets, berSequence, berTimeTicks, berUnsigned } from './ber.ts';
import { communityMessage, usmMessage } from './snmp-message.ts';
import { trapPdu } from './trap-pdu.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('BER writes the shortest form', () => {
  const table: [Uint8Array, string][] = [
    [berInteger(0), '020100'],
    [berInteger(127), '02017f'],
    [berInteger(128), '02020080'],
    [berInteger(-1), '0201ff'],
    [berInteger(-128), '020180'],
    [berInteger(-129), '0202ff7f'],
    [berInteger(2 ** 31 - 1), '02047fffffff'],
    [berUnsigned(2 ** 32 - 1), '420500ffffffff'],
    [berTimeTicks(2 ** 32 + 5), '430105'],
    [berOctets('é'), '0402c3a9'],
    [berObjectIdentifier([1, 3, 6, 1, 4, 1, 8072, 9999]), '06092b06010401bf08ce0f'],
    [berSequence(berInteger(1), berOctets('')), '30050201010400'],
  ];
  for (const [bytes, expected] of table) assert.equal(hex(bytes), expected);
  assert.equal(hex(berOctets(new Uint8Array(128))).slice(0, 6), '048180');
  assert.equal(hex(berOctets(new Uint8Array(300))).slice(0, 8), '0482012c');
});

test('law: an integer is read back, and no shorter form has its value', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const [, length = 0, ...octets] = berInteger(value);
      assert.equal(length, octets.length);
      assert.equal(Number(BigInt.asIntN(length * 8, BigInt(`0x${hex(Uint8Array.from(octets))}`))), value);
      if (length > 1) assert.notEqual((octets[0] ?? 0) * 2 + ((octets[1] ?? 0) >> 7), value < 0 ? 511 : 0);
    }),
  );
});

test('a trap of version 2c is these bytes', () => {
  const message = communityMessage('public', trapPdu(sent(linkDown()), 'lyon', 12_345, 77));
  // Read by snmptrapd in lab/alarm-receivers.test.ts.
  assert.equal(hex(message), golden2c);
});

test('a trap stays within one datagram, whatever it says, and no character is cut', () => {
  const long = sent(linkDown('fibre', 'é'.repeat(5_000)));
  const subject = { type: 'peer', address: 'ü'.repeat(400) } as const;
  const pdu = trapPdu({ ...long, subject }, 'x'.repeat(400), 0, 1);
  assert.ok(pdu.length < 1_900, `${pdu.length}`);
  const bytes = Buffer.from(pdu);
  const start = bytes.indexOf('Link fibre');
  // 04 82 and two bytes of length are before it.
  const length = bytes.readUInt16BE(start - 2);
  assert.ok(length > 996 && length <= 1_000, `${length}`);
  assert.match(bytes.subarray(start, start + length).toString(), /^Link fibre is down: é+$/);
});

test('the code of version 3 is made over the message with zeros in its place', () => {
  const pdu = trapPdu(sent(linkDown()), 'lyon', 1, 1);
  const signed: Uint8Array[] = [];
  const code = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
  const sign = (message: Uint8Array) => {
    signed.push(message);
    return code;
  };
  const ivs: string[] = [];
  const encrypt = (plain: Uint8Array, iv: Uint8Array) => {
    ivs.push(hex(iv));
    return plain.map((byte) => byte ^ 0xff);
  };
  const sender = {
    user: 'backstay',
    engineId: Uint8Array.of(0x80, 0, 0x1f, 0x88, 5, 1),
    boots: 258,
    timeSeconds: 3,
    authentication: { codeBytes: 24, sign },
    privacy: { salt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), encrypt },
  };
  const message = usmMessage(sender, 9, pdu);
  const place = Buffer.from(message).indexOf(Buffer.from(code.subarray(0, 24)));
  assert.ok(place > 0);
  const zeroed = Uint8Array.from(message);
  zeroed.fill(0, place, place + 24);
  assert.equal(hex(signed[0] ?? new Uint8Array()), hex(zeroed));
  assert.deepEqual([...new Set(ivs)], ['00000102000000030102030405060708']);
  assert.equal(Buffer.from(message).includes('Link fibre'), false);
  // msgFlags: authPriv, and no report is asked for.
  assert.match(hex(message), /^3082....020103300e02010902030?[0-9a-f]+040103020103/);
});

const golden2c =
  '3082015c02010104067075626c6963a782014d02014d02010002010030820140300e06082b0601020101030043023039' +
  '301d060a2b060106030101040100060f2b06010401bf08ce0fce0f8d250006301806102b06010401bf08ce0fce0f8d25' +
  '01010004046c796f6e301e06102b06010401bf08ce0fce0f8d25010200040a4c696e6b206669627265301c06102b0601' +
  '0401bf08ce0fce0f8d2501030004086c696e6b446f776e301506102b06010401bf08ce0fce0f8d250104000201033015' +
  '06102b06010401bf08ce0fce0f8d25010500020101303a06102b06010401bf08ce0fce0f8d2501060004264c696e6b20' +
  '666962726520697320646f776e3a206e6f2063617272696572202865746831292e301f06102b06010401bf08ce0fce0f' +
  '8d25010700040b07ea0b140c0000052b0000301506102b06010401bf08ce0fce0f8d25010800420101301506102b0601' +
  '0401bf08ce0fce0f8d25010900420103';
