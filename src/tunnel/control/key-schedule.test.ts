import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  linkKeyRequest,
  openingKey,
  sealingKey,
  splitKeyMaterial,
  splitLinkMaterial,
} from './key-schedule.ts';

const one = 0x11223344;
const other = 0x55667788;

describe('key schedule', () => {
  it('lets one side open what the other seals', () => {
    assert.deepEqual(sealingKey('initiator', one).context, openingKey('responder', one).context);
    assert.deepEqual(sealingKey('responder', other).context, openingKey('initiator', other).context);
  });

  it('gives every direction, member and SPI its own context', () => {
    const contexts = [
      sealingKey('initiator', one),
      sealingKey('responder', one),
      sealingKey('initiator', other),
      sealingKey('responder', other),
      sealingKey('initiator', one, 1),
      sealingKey('responder', one, 1),
    ].map((key) => key.context.toHex());
    assert.equal(new Set(contexts).size, contexts.length);
  });

  it('writes the context as documented', () => {
    assert.equal(sealingKey('initiator', one, 1).context.toHex(), '000111223344');
    assert.equal(openingKey('initiator', 0xffffffff).context.toHex(), '0100ffffffff');
    assert.equal(sealingKey('initiator', one).label, 'EXPORTER-backstay-esp');
    assert.equal(sealingKey('initiator', one).length, 36);
  });

  it('cuts the material into the AES-256 key and the salt', () => {
    const material = Uint8Array.from({ length: 36 }, (_, index) => index);
    const { key, salt } = splitKeyMaterial(material);
    assert.deepEqual([key.length, key[31], [...salt]], [32, 31, [32, 33, 34, 35]]);
    assert.throws(() => splitKeyMaterial(material.subarray(1)), RangeError);
  });

  it("asks for a path's key and ticket under a label of its own, another one for each path", () => {
    const { label, context, length } = linkKeyRequest(0x0102);
    assert.deepEqual([label, context.toHex(), length], ['EXPORTER-backstay-link', '0102', 48]);
    assert.notEqual(label, sealingKey('initiator', one).label);
    const material = Uint8Array.from({ length: 48 }, (_, index) => index);
    const { key, ticket } = splitLinkMaterial(material);
    assert.deepEqual([key.length, key[31], ticket.length, ticket[0]], [32, 31, 16, 32]);
    assert.throws(() => splitLinkMaterial(material.subarray(1)), RangeError);
  });
});
