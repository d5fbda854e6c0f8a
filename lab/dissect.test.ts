import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dissect } from './dissect.ts';
import { nextHeaders, sealEsp } from './esp-reference.ts';

const keys = { spi: 0x0a0b_0c0d, key: Buffer.alloc(32, 3), salt: Buffer.from('01020304', 'hex') };
const border = 1n << 32n;
/** An IPv4 packet with a UDP datagram from port 9 to port 9 that holds 5 octets. */
const inner = Buffer.from('4500002100004000401126c80a0100010a02000100090009000d000068656c6c6f', 'hex');

test('sound packets give no complaint, also across the border of 32 bits', async () => {
  const { packets, complaints } = await dissectSealed([
    sealEsp(keys, { sequence: border - 1n, nextHeader: nextHeaders.ipv4, payload: inner }),
    sealEsp(keys, { sequence: border, nextHeader: nextHeaders.ipv4, payload: inner }),
    sealEsp(keys, { sequence: border + 1n, nextHeader: nextHeaders.none, payload: Buffer.alloc(20) }),
  ]);
  assert.deepEqual(complaints, []);
  assert.match(packets[0]?.layers ?? '', /udpencap:esp:ip:udp/);
  const sequences = packets.map(({ opened }) => opened.valid && opened.sequence);
  assert.deepEqual(sequences, [border - 1n, border, border + 1n]);
});

test('a damaged packet gives a complaint with its frame', async () => {
  const sound = sealEsp(keys, { sequence: 7n, nextHeader: nextHeaders.ipv4, payload: inner });
  for (const position of [9, 20, sound.length - 1]) {
    const damaged = Buffer.from(sound);
    damaged[position] = (damaged[position] ?? 0) ^ 0x10;
    const { complaints } = await dissectSealed([sound, damaged], 0n);
    assert.match(complaints.join('\n'), /^frame 2 .*the tag does not verify/, `octet ${position}`);
    assert.doesNotMatch(complaints.join('\n'), /frame 1/);
  }
});

test('a wrong inner packet under a right tag gives a complaint of tshark', async () => {
  const cut = inner.subarray(0, 24);
  const { complaints } = await dissectSealed(
    [sealEsp(keys, { sequence: 7n, nextHeader: nextHeaders.ipv4, payload: cut })],
    0n,
  );
  assert.match(complaints.join('\n'), /^frame 1 .*IPv4 total length exceeds packet length/);
});

async function dissectSealed(packets: readonly Buffer[], lastSequence = border - 2n) {
  const directory = await mkdtemp(join(tmpdir(), 'backstay-dissect-'));
  try {
    const file = join(directory, 'sealed.pcap');
    await writeFile(file, capture(packets));
    return await dissect(file, [{ ...keys, lastSequence }]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A pcap file of link type 228 (bare IPv4) with each ESP packet in a UDP datagram on port 4500. */
function capture(packets: readonly Buffer[]): Buffer {
  const header = Buffer.from('d4c3b2a1020004000000000000000000ffff0000e4000000', 'hex');
  const records = packets.flatMap((esp) => {
    const outer = Buffer.from('4500000000004000401100000a0000010a0000021194119400000000', 'hex');
    outer.writeUInt16BE(outer.length + esp.length, 2);
    outer.writeUInt16BE(8 + esp.length, 24);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(outer.length + esp.length, 8);
    record.writeUInt32LE(outer.length + esp.length, 12);
    return [record, outer, esp];
  });
  return Buffer.concat([header, ...records]);
}
