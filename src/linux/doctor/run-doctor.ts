/**
 * Looks at the machine (and at a configuration on it) and says what will not work, and what to do.
 *
 * Contract: nothing is changed. Every check is made even when others fail; what can't be read is itself a finding.
 */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Config, LinkConfig } from '../../config/index.ts';
import { BackstayError, errorCatalogue } from '../../errors.ts';
import { tunnelFilters } from '../../network/filter-rule.ts';
import { filterScript } from '../../network/filter-table.ts';
import { firewallScript } from '../../network/forwarding.ts';
import { resolveLink } from '../../network/link-resolution.ts';
import type { NetworkSnapshot } from '../../network/network-snapshot.ts';
import { findProgram } from '../find-program.ts';
import { isDaemonRunning } from '../instance-lock.ts';
import { readNetwork } from '../network-state.ts';
import { readPasswordFile } from '../password-file.ts';
import { runProgram } from '../run-program.ts';
import { readSetting } from '../sysctl.ts';
import { RAISED_NICE } from '../thread-priority.ts';
import { type Check, type CheckStatus, problem } from './check.ts';
import { checkOverlaps, checkRules } from './conflict-checks.ts';
import { checkDialling, checkModem } from './dial-checks.ts';
import { checkAlarms, checkIdentity, checkStateDirectory } from './file-checks.ts';
import { checkLink, type LinkFacts } from './link-checks.ts';
import { probePort, probeSocketOptions } from './socket-probes.ts';
import * as system from './system-checks.ts';
import { probeTun } from './tun-probe.ts';

/** `worst` is the status of the report as a whole. */
export type DoctorReport = { readonly checks: readonly Check[]; readonly worst: CheckStatus };

/** @param config undefined: the machine only */
export async function runDoctor(config: Config | undefined): Promise<DoctorReport> {
  const parts: Check[][] = [
    await checkMachine(config),
    config === undefined
      ? []
      : [
          checkIdentity(config.gateway.identity),
          checkStateDirectory(config.gateway.state),
          ...checkAlarms(config.alarms),
        ],
    await checkNetwork(config),
    config === undefined ? [] : checkDials(config.links),
  ];
  const checks = parts.flat();
  const worst = (['problem', 'warning'] as const).find((status) =>
    checks.some((check) => check.status === status),
  );
  return { checks, worst: worst ?? 'ok' };
}

async function checkMachine(config: Config | undefined): Promise<Check[]> {
  const forwarding = {
    ipv4: readSetting('net/ipv4/ip_forward'),
    ipv6: readSetting('net/ipv6/conf/all/forwarding'),
  };
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const limit = /^Max nice priority\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '0';
  const niceLimit = limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
  return [
    system.checkKernel(release()),
    system.checkPrivileges(effective),
    system.checkPriority({ effective, niceLimit }, RAISED_NICE),
    system.checkClock(Date.now()),
    ...system.checkTun(await probeTun()),
    ...system.checkSockets({
      ...probeSocketOptions(),
      receiveMaxBytes: Number(readSetting('net/core/rmem_max') ?? 0),
      sendMaxBytes: Number(readSetting('net/core/wmem_max') ?? 0),
    }),
    system.checkProgram('ip', await answerOf(runProgram('ip', ['-V']))),
    system.checkProgram('nft', await answerOf(runProgram('nft', ['--version']))),
    system.checkNftables(
      await refusalOf(runProgram('nft', ['--check', '-f', '-'], { input: sampleTables(config) })),
    ),
    system.checkForwarding(forwarding, config?.gateway.forwarding ?? true),
  ];
}

/** Only where a link is dialled by `ppp`. */
function checkDials(links: readonly LinkConfig[]): Check[] {
  const dialled = links.flatMap(({ name, onDemand }) =>
    onDemand?.way.kind === 'ppp' ? [{ name, way: onDemand.way }] : [],
  );
  if (dialled.length === 0) return [];
  const hasKernelPpp = existsSync('/dev/ppp');
  return [
    ...checkDialling({ pppd: findProgram('pppd'), chat: findProgram('chat'), hasKernelPpp }),
    ...dialled.flatMap(({ name, way }) =>
      checkModem(name, way, existsSync(way.device), passwordRefusal(way.passwordFile)),
    ),
  ];
}

function passwordRefusal(path: string): string | undefined {
  try {
    readPasswordFile(path);
    return undefined;
  } catch (error) {
    if (!(error instanceof BackstayError)) throw error;
    return error.message;
  }
}

async function checkNetwork(config: Config | undefined): Promise<Check[]> {
  try {
    const network = await readNetwork();
    const checks = [checkRules(network)];
    if (config === undefined) return checks;
    const running = await isDaemonRunning();
    for (const link of config.links) {
      const facts = await readLinkFacts(link, network, running);
      checks.push(...checkLink(link, network, facts, config.tunnels));
    }
    return [...checks, ...config.tunnels.map((tunnel) => checkOverlaps(tunnel, network))];
  } catch (error) {
    if (!(error instanceof BackstayError)) throw error;
    return [problem('network', error.message, error.hint ?? errorCatalogue[error.code].remedy)];
  }
}

/** @param running the ports are in use by the daemon itself, so nothing is learnt from trying them */
async function readLinkFacts(
  link: LinkConfig,
  network: NetworkSnapshot,
  running: boolean,
): Promise<LinkFacts> {
  const filters = ['all', link.interface].map((scope) =>
    Number(readSetting(`net/ipv4/conf/${scope}/rp_filter`) ?? 0),
  );
  const resolution = resolveLink(network, link);
  const addresses = resolution.usable && !running ? resolution.families.map(({ address }) => address) : [];
  const conflicts = await Promise.all(addresses.map((address) => probePort(address, link.port)));
  return { reversePathFilter: Math.max(...filters), portConflicts: conflicts.flat() };
}

/** Has every kind of statement that ours uses; it is checked and not loaded. */
/** What the daemon would load, for a tunnel that is not there. */
function sampleTables(config: Config | undefined): string {
  const sample = {
    tunnel: 'sample',
    name: 'bs-sample',
    mtu: 1400,
    addresses: [],
    networks: [],
    gsoMaxBytes: 65536,
    queuePackets: 1,
  };
  return firewallScript([sample]) + filterScript(tunnelFilters(config?.tunnels ?? []));
}

function answerOf(answer: Promise<string>): Promise<string | { why: string }> {
  return answer.catch((error: Error) => ({ why: error.message }));
}

function refusalOf(answer: Promise<string>): Promise<string | undefined> {
  return answer.then(
    () => undefined,
    (error: Error) => error.message,
  );
}
