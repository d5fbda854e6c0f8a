/**
 * How much gets through: one run of iperf3 between two namespaces, read at the receiver.
 *
 * Contract: rates are Mbit/s (10^6 bits) of payload. Intervals are 0.2 s long. Throws when the measurement could not
 * be made; a slow network is a result.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from './namespace.ts';

export type ThroughputOptions = {
  readonly from: Namespace;
  readonly to: Namespace;
  /** Of the receiver. */
  readonly address: string;
  readonly seconds: number;
  /** Default tcp. */
  readonly protocol?: 'tcp' | 'udp';
  /** What UDP offers, or a bound for TCP. */
  readonly offeredMbit?: number;
  /** Parallel connections; default 1. */
  readonly streams?: number;
  /** Not counted at the start (slow start); default 0. */
  readonly omitSeconds?: number;
  readonly port?: number;
  /** Of TCP; default the kernel's. */
  readonly congestion?: Congestion | undefined;
};

export const congestionControls = ['cubic', 'bbr', 'reno'] as const;
export type Congestion = (typeof congestionControls)[number];

export type Throughput = {
  readonly receivedMbit: number;
  readonly sentMbit: number;
  /** TCP segments sent again; 0 for UDP. */
  readonly retransmits: number;
  /** Share of datagrams that did not arrive; 0 for TCP. */
  readonly lostPercent: number;
  readonly intervals: readonly ThroughputInterval[];
};

export type ThroughputInterval = { readonly startSeconds: number; readonly receivedMbit: number };

const DEFAULT_PORT = 5201;
const INTERVAL_SECONDS = 0.2;

export async function measureThroughput(options: ThroughputOptions): Promise<Throughput> {
  const port = options.port ?? DEFAULT_PORT;
  const server = await options.to.spawn('iperf3', [
    '--server',
    '--one-off',
    '--json',
    '--port',
    `${port}`,
    ...everyInterval,
  ]);
  try {
    await listening(options.to, port);
    const { stdout } = await options.from.run('iperf3', clientArguments(options, port), {
      timeoutMillis: (options.seconds + (options.omitSeconds ?? 0) + 20) * 1000,
    });
    return readReport(JSON.parse(stdout) as Report);
  } finally {
    await server.stop();
  }
}

const everyInterval = ['--interval', `${INTERVAL_SECONDS}`];

function clientArguments(options: ThroughputOptions, port: number): string[] {
  const { address, seconds, protocol = 'tcp', offeredMbit, streams = 1, omitSeconds = 0 } = options;
  return [
    ...['--client', address, '--port', `${port}`, '--json', '--get-server-output', ...everyInterval],
    ...['--time', `${seconds}`, '--omit', `${omitSeconds}`, '--parallel', `${streams}`],
    ...(protocol === 'udp' ? ['--udp'] : []),
    ...(options.congestion === undefined ? [] : ['--congestion', options.congestion]),
    ...(offeredMbit === undefined ? [] : ['--bitrate', `${Math.round(offeredMbit * 1e6)}`]),
  ];
}

async function listening(namespace: Namespace, port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const { stdout } = await namespace.run('ss', ['-Hltn', `sport = :${port}`]);
    if (stdout.trim() !== '') return;
    await sleep(25);
  }
  throw new Error(`iperf3 does not listen on port ${port}`);
}

type Sum = {
  readonly start: number;
  readonly bits_per_second: number;
  readonly retransmits?: number;
  readonly lost_percent?: number;
  readonly omitted?: boolean;
};
type Report = {
  readonly end: { readonly sum?: Sum; readonly sum_sent?: Sum; readonly sum_received?: Sum };
  readonly server_output_json: { readonly intervals: readonly { readonly sum: Sum }[] };
};

function readReport(report: Report): Throughput {
  const sent = report.end.sum_sent ?? report.end.sum;
  const received = report.end.sum_received ?? report.end.sum;
  if (sent === undefined || received === undefined) throw new Error('iperf3 reported no sums');
  return {
    receivedMbit: received.bits_per_second / 1e6,
    sentMbit: sent.bits_per_second / 1e6,
    retransmits: sent.retransmits ?? 0,
    lostPercent: received.lost_percent ?? 0,
    intervals: report.server_output_json.intervals
      .filter(({ sum }) => sum.omitted !== true)
      .map(({ sum }) => ({ startSeconds: sum.start, receivedMbit: sum.bits_per_second / 1e6 })),
  };
}
