/** Judges the machine: kernel, privileges, clock, TUN, UDP offloads, socket buffers, programs, forwarding. Pure. */
import { type Check, ok, problem, warning } from './check.ts';

/** TUN, nftables and UDP offloads as we use them are all in it; Debian 11 has it. */
const oldestKernel = { major: 5, minor: 10 } as const;

export function checkKernel(release: string): Check {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const newEnough =
    major > oldestKernel.major || (major === oldestKernel.major && minor >= oldestKernel.minor);
  const wanted = `${oldestKernel.major}.${oldestKernel.minor}`;
  if (newEnough) return ok('kernel', `Linux ${release}`);
  return problem('kernel', `Linux ${release} is older than ${wanted}.`, `Install kernel ${wanted} or newer.`);
}

/** Numbers of the capabilities in linux/capability.h. */
const neededCapabilities = { CAP_NET_ADMIN: 12, CAP_NET_RAW: 13 } as const;

/** @param effective `CapEff` of /proc/self/status: hexadecimal digits */
export function checkPrivileges(effective: string): Check {
  const set = BigInt(`0x${effective || '0'}`);
  const needed = Object.entries(neededCapabilities);
  const missing = needed.filter(([, bit]) => ((set >> BigInt(bit)) & 1n) === 0n).map(([name]) => name);
  if (missing.length === 0) return ok('privileges', needed.map(([name]) => name).join(' and '));
  const remedy = 'Run it as root, or give the service these capabilities.';
  return problem('privileges', `${missing.join(' and ')} missing.`, remedy);
}

export type PriorityFacts = {
  /** `CapEff` of /proc/self/status: hexadecimal digits. */
  readonly effective: string;
  /** RLIMIT_NICE: 20 less the lowest nice value that is allowed. */
  readonly niceLimit: number;
};

const CAP_SYS_NICE = 23n;

/** Whether the thread that moves packets may be raised to `nice`. */
export function checkPriority({ effective, niceLimit }: PriorityFacts, nice: number): Check {
  const capable = ((BigInt(`0x${effective || '0'}`) >> CAP_SYS_NICE) & 1n) === 1n;
  if (capable || 20 - niceLimit <= nice) return ok('priority', `packets go first (nice ${nice})`);
  return warning(
    'priority',
    `Packets wait like other programs while the processors are busy: nice ${nice} is not allowed.`,
    `Give the service LimitNICE=${nice}, as packaging/backstay.service does.`,
  );
}

/** Before the program was written, or far beyond the life of a certificate: the clock was never set. */
const plausibleTime = { from: Date.UTC(2026, 0, 1), until: Date.UTC(2100, 0, 1) } as const;

export function checkClock(nowMillis: number): Check {
  const found = new Date(nowMillis).toISOString();
  if (nowMillis >= plausibleTime.from && nowMillis < plausibleTime.until) return ok('clock', found);
  return problem(
    'clock',
    `${found} can't be true; certificates are refused.`,
    'Set the clock: `timedatectl set-ntp true`.',
  );
}

export type TunFacts = {
  readonly openable: true | { readonly why: string };
  /** What a device in a private namespace could do; undefined when it couldn't be tried. */
  readonly offloads: { readonly udp: boolean } | undefined;
};

export function checkTun(facts: TunFacts): Check[] {
  if (facts.openable !== true) {
    return [
      problem(
        'tun',
        `/dev/net/tun can't be opened (${facts.openable.why}).`,
        'Load the module: `modprobe tun`; in a container, pass /dev/net/tun in.',
      ),
    ];
  }
  const tun = ok('tun', '/dev/net/tun');
  if (facts.offloads === undefined) {
    const remedy = 'Run the doctor with the privileges of the daemon.';
    return [tun, warning('tun offloads', 'No device could be made to try them.', remedy)];
  }
  // Slower for UDP inside the tunnel, not wrong: Debian 12's own kernel is such a one.
  return [
    tun,
    ok(
      'tun offloads',
      facts.offloads.udp
        ? 'checksums, TCP and UDP segments'
        : 'checksums and TCP segments (UDP segments from kernel 6.2)',
    ),
  ];
}

export type SocketFacts = {
  readonly segmentation: boolean;
  readonly merging: boolean;
  /** The limits can be exceeded (CAP_NET_ADMIN). */
  readonly forced: boolean;
  readonly receiveMaxBytes: number;
  readonly sendMaxBytes: number;
};

/** 30 ms of 1 Gbit/s; below that a busy moment loses packets. */
const enoughBufferBytes = 4 * 1024 * 1024;

export function checkSockets(facts: SocketFacts): Check[] {
  const offloads = [facts.segmentation ? [] : ['UDP_SEGMENT'], facts.merging ? [] : ['UDP_GRO']].flat();
  const buffers = `receive ${mebibytes(facts.receiveMaxBytes)}, send ${mebibytes(facts.sendMaxBytes)}`;
  const large = Math.min(facts.receiveMaxBytes, facts.sendMaxBytes) >= enoughBufferBytes;
  return [
    offloads.length === 0
      ? ok('udp offloads', 'UDP_SEGMENT and UDP_GRO')
      : problem(
          'udp offloads',
          `${offloads.join(' and ')} missing.`,
          'Use a kernel of 5.10 or newer with UDP offloads.',
        ),
    large || facts.forced
      ? ok('socket buffers', large ? buffers : `${buffers}; the daemon may exceed these limits`)
      : warning(
          'socket buffers',
          buffers,
          `Set net.core.rmem_max and net.core.wmem_max to ${enoughBufferBytes} or give CAP_NET_ADMIN.`,
        ),
  ];
}

/** @param version what the program said, or why it couldn't be asked */
export function checkProgram(name: 'ip' | 'nft', version: string | { readonly why: string }): Check {
  if (typeof version === 'string') return ok(name, version.trim());
  return problem(name, version.why, 'Install it: `apt-get install iproute2 nftables`.');
}

/** @param refused what nft said when it was asked to check our tables */
export function checkNftables(refused: string | undefined): Check {
  if (refused === undefined) return ok('nftables', 'the kernel takes our tables');
  return problem(
    'nftables',
    refused,
    'Run as root, on a kernel with nf_tables, nft_exthdr and nft_rt, for filters also nft_ct, nft_objref, nft_reject_inet.',
  );
}

/** @param values of net.ipv4.ip_forward and net.ipv6.conf.all.forwarding; undefined where the family is missing */
export function checkForwarding(
  values: { ipv4: string | undefined; ipv6: string | undefined },
  switchedByUs: boolean,
): Check {
  const found = `IPv4 ${onOff(values.ipv4)}, IPv6 ${onOff(values.ipv6)}`;
  if (switchedByUs) return ok('forwarding', `${found}; on while the daemon runs`);
  if (values.ipv4 === '1') return ok('forwarding', found);
  return warning(
    'forwarding',
    found,
    'Hosts behind the gateway reach nothing: set `gateway.forwarding: true`, or net.ipv4.ip_forward=1.',
  );
}

function onOff(value: string | undefined): string {
  return value === undefined ? 'missing' : value === '0' ? 'off' : 'on';
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
