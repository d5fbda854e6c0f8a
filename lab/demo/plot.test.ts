import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Sample } from './display.ts';
import { plotDemo } from './plot.ts';

const sample = (elapsedSeconds: number, ...mbits: number[]): Sample => ({
  elapsedSeconds,
  bytes: 0,
  totalBytes: 1,
  mbit: 0,
  links: mbits.map((mbit, index) => ({ name: `link${index}`, mbit, share: 0, states: [] })),
});

test('each link is a band on the ones before it', () => {
  const svg = plotDemo([sample(0, 100, 100), sample(10, 0, 200)], [], 'a run');
  const [first, second] = [...svg.matchAll(/<polygon points="([^"]+)"/g)].map(([, points]) => points);
  // 200 Mbit/s are the whole height, from 264 up to 40; 10 s the whole width, from 56 to 844.
  assert.equal(first, '56.0,152.0 844.0,264.0 844.0,264.0 56.0,264.0');
  assert.equal(second, '56.0,40.0 844.0,40.0 844.0,264.0 56.0,152.0');
});

test('moments are marked where they happened', () => {
  const svg = plotDemo([sample(0, 100), sample(10, 100)], [{ seconds: 5, text: 'link0 is cut' }], 'a run');
  assert.match(svg, /<line x1="450\.0"[^>]*stroke-dasharray/);
  assert.match(svg, />link0 is cut</);
});

test('a run of no samples is an empty picture', () => {
  assert.match(plotDemo([], [], 'nothing'), /^<svg[\s\S]*<\/svg>\n$/);
});
