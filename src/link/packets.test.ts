import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseIpAddress } from '../network/ip-address.ts';
import { encodeDnsQuestion, readDnsAnswer } from './dns-question.ts';
import { encodeEcho, internetChecksum, readEchoReply } from './echo-packet.ts';
import { readStatusLine } from './http-answer.ts';
import {
  encodeArpRequest,
  encodeSolicitation,
  isAdvertisementOf,
  isArpReply,
  solicitedNodeAddress,
} from './neighbour-packet.ts';

const identity = { identifier: 0x1234, token: Uint8Array.from({ length: 16 }, (_, index) => index + 1) };
const bytesOf = (text: string) => parseIpAddress(text)?.bytes ?? assert.fail(text);

/** What the far end makes of a request, as a raw socket gives it. */
function replyTo(family: 4 | 6, request: Uint8Array): Uint8Array {
  const reply = Uint8Array.from(request);
  reply[0] = family === 4 ? 0 : 129;
  if (family === 6) return reply;
  reply.set([0, 0], 2);
  new DataView(reply.buffer).setUint16(2, internetChecksum(reply));
  return Uint8Array.of(0x45, ...new Array<number>(19).fill(0), ...reply);
}

describe('an echo', () => {
  for (const family of [4, 6] as const) {
    it(`has 64 bytes, and its reply is known again (IPv${family})`, () => {
      fc.assert(
        fc.property(fc.nat(0xffff), (sequence) => {
          const request = encodeEcho(family, identity, sequence);
          assert.equal(request.length, 64);
          assert.equal(readEchoReply(family, identity, replyTo(family, request)), sequence);
        }),
      );
    });

    it(`is no reply itself, nor is that of another identifier, token or a damaged one (IPv${family})`, () => {
      const reply = replyTo(family, encodeEcho(family, identity, 7));
      assert.equal(readEchoReply(family, identity, encodeEcho(family, identity, 7)), undefined);
      assert.equal(readEchoReply(family, { ...identity, identifier: 0x1235 }, reply), undefined);
      assert.equal(readEchoReply(family, { ...identity, token: new Uint8Array(16) }, reply), undefined);
      assert.equal(readEchoReply(family, identity, reply.subarray(0, -1)), undefined);
      if (family === 6) return;
      const damaged = Uint8Array.from(reply);
      damaged[70] = (damaged[70] ?? 0) ^ 1;
      assert.equal(readEchoReply(family, identity, damaged), undefined);
    });
  }

  it('with options in its IPv4 header is found all the same', () => {
    const plain = replyTo(4, encodeEcho(4, identity, 9)).subarray(20);
    const packet = Uint8Array.of(0x46, ...new Array<number>(23).fill(0), ...plain);
    assert.equal(readEchoReply(4, identity, packet), 9);
  });
});

describe('the next hop', () => {
  const own = { hardware: Uint8Array.of(2, 0, 0, 0, 0, 1), address: bytesOf('192.0.2.10') };
  const hop = { hardware: Uint8Array.of(2, 0, 0, 0, 0, 9), address: bytesOf('192.0.2.1') };
  const reply = Uint8Array.of(
    0,
    1,
    8,
    0,
    6,
    4,
    0,
    2,
    ...hop.hardware,
    ...hop.address,
    ...own.hardware,
    ...own.address,
  );

  it('is asked by ARP as RFC 826 has it', () => {
    assert.equal(
      Buffer.from(encodeArpRequest(own.hardware, own.address, hop.address)).toString('hex'),
      '0001080006040001020000000001c000020a000000000000c0000201',
    );
  });

  it('answers by ARP for itself, and to us', () => {
    const isOurs = (packet: Uint8Array) => isArpReply(packet, own.hardware, own.address, hop.address);
    assert.ok(isOurs(reply));
    // Another operation, sender, and receiver.
    for (const at of [7, 17, 23, 27])
      assert.ok(!isOurs(Uint8Array.from(reply, (byte, index) => (index === at ? byte ^ 1 : byte))));
    assert.ok(!isOurs(reply.subarray(0, 27)));
  });

  it('is asked by neighbour discovery at its solicited-node address', () => {
    const wanted = bytesOf('2001:db8::12:3456');
    assert.deepEqual(solicitedNodeAddress(wanted), bytesOf('ff02::1:ff12:3456'));
    const solicitation = encodeSolicitation(own.hardware, wanted);
    assert.equal(
      Buffer.from(solicitation).toString('hex'),
      '8700000000000000' + '20010db8000000000000000000123456' + '0101020000000001',
    );
    const advertisement = Uint8Array.from(solicitation, (byte, index) => (index === 0 ? 136 : byte));
    assert.ok(isAdvertisementOf(advertisement, wanted, 255));
    // From beyond a router it proves nothing.
    assert.ok(!isAdvertisementOf(advertisement, wanted, 254));
    assert.ok(!isAdvertisementOf(advertisement, wanted, undefined));
    assert.ok(!isAdvertisementOf(advertisement, bytesOf('2001:db8::1'), 255));
    assert.ok(!isAdvertisementOf(solicitation, wanted, 255));
  });
});

describe('a DNS answer', () => {
  const question = encodeDnsQuestion(0xabcd, 'Example.org');
  const answer = (flags: number, more: number[] = []) => {
    const bytes = Uint8Array.of(...question, ...more);
    new DataView(bytes.buffer).setUint16(2, flags);
    return bytes;
  };

  it('is to a question as RFC 1035 has it', () => {
    assert.equal(
      Buffer.from(question).toString('hex'),
      'abcd01000001000000000000' + '074578616d706c65036f726700' + '00010001',
    );
  });

  it('with an address or without such a name is one, a server that cannot say is none', () => {
    assert.equal(readDnsAnswer(question, answer(0x8180, [1, 2, 3])), 'answer');
    assert.equal(readDnsAnswer(question, answer(0x8183)), 'answer');
    assert.deepEqual(readDnsAnswer(question, answer(0x8182)), { refused: 2 });
  });

  it('has the number and the question, and is a response', () => {
    assert.equal(readDnsAnswer(question, question), undefined);
    assert.equal(readDnsAnswer(encodeDnsQuestion(0xabce, 'Example.org'), answer(0x8180)), undefined);
    assert.equal(readDnsAnswer(encodeDnsQuestion(0xabcd, 'example.com'), answer(0x8180)), undefined);
    assert.equal(readDnsAnswer(encodeDnsQuestion(0xabcd, 'example.org'), answer(0x8180)), 'answer');
  });
});

describe('an HTTP answer', () => {
  it('is a status of 200 to 299', () => {
    assert.equal(readStatusLine('HTTP/1.1 204 No Content\r\n'), 'answer');
    assert.equal(readStatusLine('HTTP/1.0 200\r\n'), 'answer');
    assert.deepEqual(readStatusLine('HTTP/1.1 302 Found\r\n'), { reason: 'HTTP status 302' });
    assert.deepEqual(readStatusLine('SSH-2.0-OpenSSH\r\n'), { reason: 'not HTTP' });
  });
  it('is waited for until its first line is there, within bounds', () => {
    assert.equal(readStatusLine('HTTP/1.1 20'), undefined);
    assert.deepEqual(readStatusLine('x'.repeat(600)), { reason: 'not HTTP' });
  });
});

describe('whatever a stranger sends', () => {
  it('is read without an error and taken for nothing', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.option(fc.nat(255), { nil: undefined }),
        (packet, hops) => {
          const four = Uint8Array.of(1, 2, 3, 4);
          for (const family of [4, 6] as const)
            assert.equal(readEchoReply(family, identity, packet), undefined);
          assert.ok(!isArpReply(packet, new Uint8Array(6), four, four));
          assert.ok(!isAdvertisementOf(packet, new Uint8Array(16).fill(7), hops));
          assert.equal(readDnsAnswer(encodeDnsQuestion(1, 'example.org'), packet), undefined);
        },
      ),
    );
  });
});
