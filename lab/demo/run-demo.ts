/**
 * The demonstration: two sites over two emulated links carry a file, one link fails in the middle, the file arrives.
 *
 * Contract: everything is made in a laboratory of its own and removed with it, the files included, also on Ctrl-C. A
 * result is returned when the whole file came, whatever is in it; what kept it from coming is thrown.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Terminal } from '../../src/cli/terminal.ts';
import type { JournalEntry } from '../../src/journal/journal.ts';
import { openGateways } from '../gateways.ts';
import { Lab } from '../lab.ts';
import { openSites } from '../sites.ts';
import { Display, megabytes, type Sample } from './display.ts';
import { Fault } from './fault.ts';
import { bytesByLink, bytesSince, sharesOf } from './link-shares.ts';
import { type PlotMark, plotDemo } from './plot.ts';
import { hashFile, writeRandomFile } from './random-file.ts';
import { type DemoRecord, type DemoResult, resultOf, summaryText } from './result.ts';
import { Transfer } from './transfer.ts';
import { watchTransfer } from './watch.ts';

/** One of the two, as a business connection might be. */
const link = { rateMbit: 100, delayMillis: 10, queueMillis: 60 };

const plotTitle = 'One TCP connection through the tunnel: Mbit/s sent over each link';

export type DemoOptions = {
  readonly bytes: number;
  /** Which link fails, from 0. */
  readonly failingLink: number;
  readonly terminal: Terminal;
  /** Where to draw the run, as SVG. */
  readonly plot: string | undefined;
};

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { terminal } = options;
  const display = new Display(terminal);
  await using lab = await Lab.open('demo');
  display.say(introduction());
  const directory = temporaryDirectory(lab);
  const source = join(directory, 'sent');
  const sentHash = await writeRandomFile(source, options.bytes);
  display.say(`A file of ${megabytes(options.bytes)} MB of random bytes, SHA-256 ${sentHash}`);
  const record = await carry(lab, display, options, { source, destination: join(directory, 'received') });
  const complete = { ...record, sentHash };
  display.say(`\n${summaryText(complete, terminal.palette)}`);
  return resultOf(complete);
}

async function carry(
  lab: Lab,
  display: Display,
  options: DemoOptions,
  files: { readonly source: string; readonly destination: string },
): Promise<Omit<DemoRecord, 'sentHash'>> {
  const sites = await openSites(lab, { profile: [link, link] });
  const { a } = await openGateways(lab, sites, { isWarmedUp: true });
  display.say('Both gateways are up, and so is the tunnel between them on every link.\n');
  const before = bytesByLink(await a.status());
  const transfer = await Transfer.start(sites, files.source, files.destination);
  const samples: Sample[] = [];
  const marks: PlotMark[] = [];
  const fault = new Fault(sites.link(options.failingLink), (text, short) => {
    display.say(options.terminal.palette.strong(text));
    marks.push({ seconds: samples.at(-1)?.elapsedSeconds ?? 0, text: short });
  });
  const events: JournalEntry[] = [];
  await watchTransfer({
    transfer,
    sender: a,
    display,
    totalBytes: options.bytes,
    onProgress: (part) => fault.look(part, performance.now()),
    onEvent: (entry) => void events.push(entry),
    onSample: (sample) => void samples.push(sample),
  });
  const arrivals = await transfer.finished;
  if (options.plot !== undefined) writeFileSync(options.plot, plotDemo(samples, marks, plotTitle));
  const linkShares = sharesOf(bytesSince(before, bytesByLink(await a.status())));
  const receivedHash = await hashFile(files.destination);
  return {
    arrivals,
    receivedHash,
    linkShares,
    events: events.filter(({ subject }) => subject.type === 'path'),
  };
}

function introduction(): string {
  return [
    'Two sites, joined by two internet links and one Backstay tunnel over both.',
    `The links are emulated: ${link.rateMbit} Mbit/s, ${link.delayMillis} ms one way, ${link.queueMillis} ms of queue each.`,
    'All else is real: two gateways as shipped, real packets in network namespaces of this machine,',
    'and a file that one plain TCP connection carries from a host of one site to a host of the other.',
    '',
  ].join('\n');
}

function temporaryDirectory(lab: Lab): string {
  const directory = mkdtempSync(join(tmpdir(), 'bs-demo-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  lab.onRemoval({ gracefully: async () => remove(), now: remove });
  return directory;
}
