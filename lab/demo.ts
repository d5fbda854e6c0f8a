/**
 * `./run demo [--json FILE] [--plot FILE] [--megabytes N] [--cut LINK]`: see demo/run-demo.ts.
 *
 * Exit status 0 when the file arrived as it was sent, 1 when it did not or the demonstration failed, 2 for wrong words.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { processTerminal } from '../src/cli/terminal.ts';
import { runDemo } from './demo/run-demo.ts';
import { failureText } from './failure-text.ts';

const usage = `usage: ./run demo [--json FILE] [--plot FILE] [--megabytes N] [--cut LINK]

Carries a file between two sites over two emulated links and lets one link fail in the middle.

  --json FILE      write bytes, sha256Match, longestStallMs, linkShares and mbps as JSON
  --plot FILE      draw what each link carried over time, as SVG
  --megabytes N    size of the file in 10^6 bytes, 1 to 10000 (default 210)
  --cut LINK       the link that fails, 0 or 1 (default 0, which also carries the control channel)
`;

type Words = {
  readonly json?: string;
  readonly plot?: string;
  readonly megabytes: number;
  readonly cut: number;
};

const words = readWords();
if (words === undefined) {
  process.stderr.write(usage);
  process.exit(2);
}
const terminal = processTerminal();
try {
  const result = await runDemo({
    bytes: words.megabytes * 1e6,
    failingLink: words.cut,
    terminal,
    plot: words.plot,
  });
  if (words.json !== undefined) writeFileSync(words.json, `${JSON.stringify(result)}\n`);
  process.exitCode = result.sha256Match ? 0 : 1;
} catch (error) {
  terminal.error(`the demonstration failed: ${failureText(error)}\n`);
  process.exitCode = 1;
}

function readWords(): Words | undefined {
  try {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
      options: { json: text, plot: text, megabytes: text, cut: text, help: { type: 'boolean' } },
    });
    const megabytes = Number(values.megabytes ?? 210);
    const cut = Number(values.cut ?? 0);
    const sane =
      Number.isInteger(megabytes) && megabytes >= 1 && megabytes <= 10_000 && (cut === 0 || cut === 1);
    if (values.help === true || !sane) return undefined;
    const { json, plot } = values;
    return { megabytes, cut, ...(json !== undefined && { json }), ...(plot !== undefined && { plot }) };
  } catch {
    return undefined;
  }
}
