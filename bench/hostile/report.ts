/**
 * The result of the attack as JSON and as text, with a verdict on each promise.
 *
 * Contract: pure.
 */
import { median } from '../../lab/ping.ts';
import type { Machine } from '../report/machine.ts';
import { markdownTable } from '../report/markdown.ts';
import type { AttackOutcome, HostileOutcome, HostileSettings } from './run-hostile.ts';

export type Verdict = { readonly promise: string; readonly kept: boolean; readonly evidence: string };

export type HostileReport = {
  readonly benchmark: 'hostile';
  readonly date: string;
  readonly machine: Machine;
  readonly settings: HostileSettings;
  /** Throughput under attack over throughput without. */
  readonly ratio: number;
  readonly outcome: HostileOutcome;
  readonly verdicts: readonly Verdict[];
};

const LEAST_RATIO = 0.8;
/** What the runtime's own housekeeping moves up and down. */
const MEMORY_NOISE_BYTES = 16 << 20;
/** The kernel's count and ours are read a moment apart. */
const UNACCOUNTED_PART = 0.001;

export function composeHostileReport(
  outcome: HostileOutcome,
  facts: Pick<HostileReport, 'date' | 'machine' | 'settings'>,
): HostileReport {
  const ratio = median(outcome.attackedMbit) / median(outcome.quietMbit);
  return {
    benchmark: 'hostile',
    date: facts.date,
    machine: facts.machine,
    settings: facts.settings,
    ratio: Number(ratio.toFixed(3)),
    outcome,
    verdicts: [
      {
        promise: 'the tunnel keeps its speed',
        kept: ratio >= LEAST_RATIO,
        evidence: speedEvidence(outcome, ratio),
      },
      nothingAccepted(outcome),
      everythingCounted(outcome.alone),
      memoryStays(outcome),
      {
        promise: 'the tunnel stays as it is',
        kept:
          outcome.tunnelKeptItsKeys && outcome.pathsKeptTheirAddresses && outcome.intruders.answered === 0,
        evidence: `keys ${kept(outcome.tunnelKeptItsKeys)}, paths ${kept(outcome.pathsKeptTheirAddresses)}, ${outcome.intruders.answered} of ${outcome.intruders.strangeKeys} strange keys let in`,
      },
    ],
  };
}

export function hostileMarkdown(report: HostileReport): string {
  const { machine, settings, outcome } = report;
  const { sent, refused, kernelDrops } = outcome.alone;
  return [
    `${report.date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, Linux ${machine.kernel}, Node.js ${machine.node}; `,
    `${settings.packetsPerSecond.toLocaleString('en')} hostile datagrams per second (${settings.kinds.join(', ')}), and strangers at the TCP port.`,
    '',
    markdownTable(['promise', 'kept', 'evidence'], report.verdicts.map(verdictRow)),
    '',
    `The attack alone: ${sent} datagrams; refused ${Object.entries(refused)
      .map(([reason, count]) => `${reason} ${count}`)
      .join(', ')}; dropped by the kernel ${kernelDrops}.`,
    '',
  ].join('\n');
}

function speedEvidence({ quietMbit, attackedMbit }: HostileOutcome, ratio: number): string {
  return `${Math.round(median(attackedMbit))} of ${Math.round(median(quietMbit))} Mbit/s, ratio ${ratio.toFixed(2)} (at least ${LEAST_RATIO})`;
}

/** Under load some packets may be lost on the way, but none may come out that did not go in. */
function nothingAccepted({ alone, underLoad }: HostileOutcome): Verdict {
  const invented = underLoad.filter(({ innerSent, innerReceived }) => innerReceived > innerSent).length;
  return {
    promise: 'nothing hostile is accepted',
    kept: alone.innerReceived === alone.innerSent && invented === 0,
    evidence: `${alone.innerReceived} inner packets out, ${alone.innerSent} in, while ${alone.sent} hostile datagrams came`,
  };
}

function everythingCounted({ sent, refused, kernelDrops }: AttackOutcome): Verdict {
  const counted = Object.values(refused).reduce((sum, count) => sum + count, 0) + kernelDrops;
  return {
    promise: 'every hostile datagram is counted',
    kept: Math.abs(sent - counted) <= sent * UNACCOUNTED_PART,
    evidence: `${counted} of ${sent} refused or dropped with a reason`,
  };
}

function memoryStays({ memoryBytes }: HostileOutcome): Verdict {
  const grown = memoryBytes.after.at(-1)! - memoryBytes.before;
  return {
    promise: 'memory does not grow',
    kept: grown <= MEMORY_NOISE_BYTES,
    evidence: `${mebibytes(memoryBytes.before)} MiB before, then ${memoryBytes.after.map(mebibytes).join(', ')} MiB`,
  };
}

function verdictRow({ promise, kept, evidence }: Verdict): string[] {
  return [promise, kept ? 'yes' : 'NO', evidence];
}

function kept(value: boolean): string {
  return value ? 'kept' : 'LOST';
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / (1 << 20));
}
