/**
 * The ratios that are worth watching, each between two contenders measured side by side in one run.
 *
 * Contract: pure. A ratio whose contenders did not both take part is left out. `target` is what the project wants of
 * itself; a ratio without one is there for information.
 */
import type { Measure } from './measures.ts';

export type Target = { readonly atLeast: number } | { readonly atMost: number };

export type Ratio = {
  readonly id: string;
  readonly title: string;
  readonly value: number;
  readonly target?: Target;
  readonly met?: boolean;
};

type RatioDefinition = {
  readonly id: string;
  readonly title: string;
  readonly measure: Measure;
  readonly of: string;
  readonly over: string;
  readonly target?: Target;
};

const definitions: readonly RatioDefinition[] = [
  {
    id: 'singleOverWireguardGoOffloads',
    title: 'one stream: Backstay ÷ wireguard-go with UDP offloads',
    measure: 'single',
    of: 'backstay-1',
    over: 'wireguard-go-offloads',
    target: { atLeast: 2 },
  },
  {
    id: 'singleOverWireguardGo',
    title: 'one stream: Backstay ÷ wireguard-go as installed',
    measure: 'single',
    of: 'backstay-1',
    over: 'wireguard-go',
    target: { atLeast: 8 },
  },
  {
    id: 'singleOverOpenvpn',
    title: 'one stream: Backstay ÷ OpenVPN',
    measure: 'single',
    of: 'backstay-1',
    over: 'openvpn',
    target: { atLeast: 6 },
  },
  {
    id: 'singleOverOpenvpnFastIo',
    title: 'one stream: Backstay ÷ OpenVPN with fast-io',
    measure: 'single',
    of: 'backstay-1',
    over: 'openvpn-fast-io',
  },
  {
    id: 'singleOverPlain',
    title: 'one stream: Backstay ÷ no tunnel',
    measure: 'single',
    of: 'backstay-1',
    over: 'plain',
    target: { atLeast: 0.25 },
  },
  {
    id: 'idleRoundTripOverWireguardGoOffloads',
    title: 'idle round trip: Backstay ÷ wireguard-go with UDP offloads',
    measure: 'idleRoundTrip',
    of: 'backstay-1',
    over: 'wireguard-go-offloads',
    target: { atMost: 0.8 },
  },
  {
    id: 'idleRoundTripOverWireguardGo',
    title: 'idle round trip: Backstay ÷ wireguard-go as installed',
    measure: 'idleRoundTrip',
    of: 'backstay-1',
    over: 'wireguard-go',
    target: { atMost: 0.8 },
  },
  {
    id: 'twoLinksOverOne',
    title: 'one stream: Backstay over two links ÷ over one',
    measure: 'single',
    of: 'backstay-2',
    over: 'backstay-1',
  },
  {
    id: 'twoLinksOverPlain',
    title: 'one stream: Backstay over two links ÷ no tunnel',
    measure: 'single',
    of: 'backstay-2',
    over: 'plain',
    target: { atLeast: 0.25 },
  },
  {
    id: 'twoLinksOverWireguardGoOffloads',
    title: 'one stream: Backstay over two links ÷ wireguard-go with UDP offloads',
    measure: 'single',
    of: 'backstay-2',
    over: 'wireguard-go-offloads',
    target: { atLeast: 2 },
  },
  {
    // 0.8 Gbit/s where there are 14 without a tunnel.
    id: 'tcpOverPlain',
    title: 'one stream: Backstay in TCP ÷ no tunnel',
    measure: 'single',
    of: 'backstay-tcp',
    over: 'plain',
    target: { atLeast: 0.057 },
  },
  {
    id: 'eightOverPlain',
    title: 'eight streams: Backstay ÷ no tunnel',
    measure: 'eight',
    of: 'backstay-1',
    over: 'plain',
  },
  {
    id: 'eightOverWireguardGoOffloads',
    title: 'eight streams: Backstay ÷ wireguard-go with UDP offloads',
    measure: 'eight',
    of: 'backstay-1',
    over: 'wireguard-go-offloads',
  },
  {
    id: 'loadedRoundTripOverWireguardGoOffloads',
    title: 'round trip under load: Backstay ÷ wireguard-go with UDP offloads',
    measure: 'loadedRoundTrip',
    of: 'backstay-1',
    over: 'wireguard-go-offloads',
  },
  {
    id: 'smallPacketsOverWireguardGoOffloads',
    title: 'small packets: Backstay ÷ wireguard-go with UDP offloads',
    measure: 'smallPackets',
    of: 'backstay-1',
    over: 'wireguard-go-offloads',
  },
];

/** @param medianOf the median of a contender's measure; undefined when it did not take part */
export function ratiosOf(medianOf: (contender: string, measure: Measure) => number | undefined): Ratio[] {
  return definitions.flatMap(({ id, title, measure, of, over, target }) => {
    const numerator = medianOf(of, measure);
    const denominator = medianOf(over, measure);
    if (numerator === undefined || denominator === undefined) return [];
    const value = numerator / denominator;
    return [{ id, title, value, ...(target && { target, met: meets(value, target) }) }];
  });
}

export function meets(value: number, target: Target): boolean {
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}
