import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { missingPackages, requiredPackages } from './requirements.ts';

describe('requirements', () => {
  it('are what packages.txt lists', () => {
    const lines = readFileSync(new URL('./packages.txt', import.meta.url), 'utf8').split('\n');
    const listed = lines.filter((line) => line !== '' && !line.startsWith('#'));
    for (const needed of requiredPackages)
      assert.ok(listed.includes(needed), `${needed} is not in packages.txt`);
  });

  it('are all missing where no program is, and none where the laboratory runs', () => {
    assert.deepEqual(missingPackages('/nowhere').sort(), requiredPackages);
    assert.deepEqual(missingPackages(), []);
  });
});
