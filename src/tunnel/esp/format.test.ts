import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ESP_SHORTEST, paddingFor, sealedLength } from './format.ts';

test('a packet is header, IV, payload, padding to 4 bytes, trailer and tag', () => {
  for (let payload = 0; payload <= 1500; payload++) {
    const padding = paddingFor(payload);
    assert.ok(padding >= 0 && padding < 4);
    assert.equal((payload + padding + 2) % 4, 0);
    assert.equal(sealedLength(payload), 8 + 8 + payload + padding + 2 + 16);
  }
});

test('nothing shorter than an empty payload is a packet', () => {
  assert.equal(sealedLength(0), ESP_SHORTEST);
  assert.equal(ESP_SHORTEST, 36);
});
