import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { composeHubReport, hubMarkdown } from './report.ts';
import type { CentreFigures } from './run-hub.ts';

const settings = { tunnels: 101, rounds: 3, seconds: 5 };
const machine = { processor: 'x', cores: 2, memoryBytes: 8e9, kernel: '6.1', node: '26' };
const idle = { startMillis: 1_000, upMillis: 500, residentBytes: 200e6, idleProcessorPercent: 0.1 };

function report(all: Partial<CentreFigures>[]) {
  const one = [3_900, 4_000, 9_000].map((streamMbit) => ({ ...idle, streamMbit }));
  const rounds = all.map((figures) => ({ ...idle, residentBytes: 209e6, streamMbit: 3_600, ...figures }));
  return composeHubReport({ one, all: rounds }, { date: '2026-01-01', machine, settings });
}

function missed(all: Partial<CentreFigures>[]): string[] {
  return report(all)
    .verdicts.filter(({ kept }) => !kept)
    .map(({ target }) => target);
}

describe('the report of the centre', () => {
  it('has medians of the rounds, memory for each tunnel but the first, and the longest start', () => {
    const { ratio, kilobytesPerTunnel, upMillis } = report([{}, { upMillis: 9_000 }, { residentBytes: 1e9 }]);
    assert.deepEqual([ratio, kilobytesPerTunnel, upMillis], [0.9, 90, 9_000]);
  });

  it('says which target was missed', () => {
    assert.deepEqual(missed([{}, {}, {}]), []);
    assert.match(missed([{}, {}, { upMillis: 60_001 }]).join(), /^all 101 tunnels/);
    assert.match(missed([{ residentBytes: 211e6 }]).join(), /^a tunnel takes/);
    assert.match(missed([{ streamMbit: 3_100 }]).join(), /^a busy tunnel/);
    assert.match(hubMarkdown(report([{ streamMbit: 3_100 }])), /keeps 0\.8 .*\| +NO \|.*ratio 0\.78/);
  });
});
