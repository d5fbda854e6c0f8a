/**
 * The kernel's network as it is, and making it what is desired.
 *
 * Contract: `applyNetwork` touches only what differs, so a second call with the same state changes nothing and what a killed daemon
 * left is adopted. Parts (a tunnel, one family of a link or of the internet, the packet filter, the traffic filters, forwarding) fail alone: what a
 * failed part had changed is taken back, and its error is in the answer. Traffic filters come first; a tunnel whose filter
 * can't be loaded is closed. `removeNetwork` leaves the machine as it was found.
 * One call at a time: the caller waits for the answer before the next.
 * Throws when nothing can be said or done: BS_PROGRAM_MISSING, BS_PROGRAM_FAILED, BS_PROGRAM_OUTPUT.
 */
import { BackstayError } from '../errors.ts';
import { type DesiredState, nothingDesired, withFilteredTunnelsClosed } from '../network/desired-state.ts';
import { filterTable } from '../network/filter-table.ts';
import { firewallTable } from '../network/forwarding.ts';
import { internetWays } from '../network/internet-routing.ts';
import { internetTableName } from '../network/internet-table.ts';
import { type PlanProblem, planNetwork } from '../network/network-plan.ts';
import type { NetworkSnapshot } from '../network/network-snapshot.ts';
import { ownProtocol } from '../network/route.ts';
import { runCommands } from './ip-batch.ts';
import { readInterfaces, readMainRoutes, readOwnRoutes, readRules } from './ip-json.ts';
import { loadScript, readTable } from './nftables.ts';
import { tryProgram } from './run-program.ts';
import { adjustSettings, restoreSettings } from './sysctl.ts';

export type NetworkFailure = {
  /** `tunnel head-office`, `link fibre IPv6`, `internet IPv4`, `internet`, `packet filter`, `traffic filters`, `forwarding`. */
  readonly part: string;
  readonly error: BackstayError;
};

/** `changes` are the commands that were carried out, in order; empty when everything was right already. */
export type AppliedNetwork = {
  readonly changes: readonly string[];
  readonly failures: readonly NetworkFailure[];
};

export async function readNetwork(): Promise<NetworkSnapshot> {
  const [[addresses, links], ipv4, ipv6, ownFirewall, ownFilters, ownInternet] = await Promise.all([
    readIp([], ['address show', 'link show']),
    readFamily(4),
    readFamily(6),
    readTable(firewallTable),
    readTable(filterTable),
    readTable(internetTableName),
  ]);
  return {
    interfaces: readInterfaces(addresses, links),
    mainRoutes: [...ipv4.mainRoutes, ...ipv6.mainRoutes],
    rules: [...ipv4.rules.present, ...ipv6.rules.present],
    ownRoutes: [...ipv4.ownRoutes, ...ipv6.ownRoutes],
    ownRules: [...ipv4.rules.own, ...ipv6.rules.own],
    ownFirewall,
    ownFilters,
    ownInternet,
  };
}

/**
 * @param stateDirectory where former settings are kept; it must be the same in the next start
 * @param present what was read a moment ago, if the caller has it: six programs less
 */
export async function applyNetwork(
  desired: DesiredState,
  stateDirectory: string,
  present?: NetworkSnapshot,
): Promise<AppliedNetwork> {
  const applied = await carryOut(present ?? (await readNetwork()), desired);
  // Last, so that no packet is forwarded before the routes that keep a tunnel's packets from leaking stand.
  const forwarding = attempt('forwarding', ['sysctl forwarding'], () =>
    adjustSettings(stateDirectory, {
      forwarding: desired.forwarding,
      links: desired.links.map((link) => link.interface),
      marked: internetWays(desired).map(({ link }) => link.interface),
    }),
  );
  return joined([applied, forwarding]);
}

export async function removeNetwork(stateDirectory: string): Promise<AppliedNetwork> {
  const forwarding = attempt('forwarding', ['sysctl forwarding'], () => restoreSettings(stateDirectory));
  const applied = await carryOut(await readNetwork(), nothingDesired);
  return joined([forwarding, applied]);
}

async function carryOut(present: NetworkSnapshot, desired: DesiredState): Promise<AppliedNetwork> {
  const { filters: script, ...whole } = planNetwork(present, desired);
  // First, so that no device passes packets that its filter has not seen.
  const filters = await loadTable('traffic filters', filterTable, script);
  const closed = () => planNetwork(present, withFilteredTunnelsClosed(desired));
  const plan = filters.failures.length === 0 ? whole : closed();
  const firewall = await loadTable('packet filter', firewallTable, plan.firewall);
  const commands = await runCommands(plan.additions, plan.removals);
  // Last, so that no connection is given a link that no rule leads to.
  const internet = await loadTable('internet', internetTableName, plan.internet);
  const problems = plan.problems.map(({ part, ...problem }) => ({ part, error: problemError(problem) }));
  return joined([{ changes: [], failures: problems }, filters, firewall, commands, internet]);
}

/**
 * What is not yet as desired of plain traffic and of these links: empty when the kernel reads back as it should. Whatever is
 * wrong with other parts is not asked for.
 */
export async function remainingChanges(desired: DesiredState, links: readonly string[]): Promise<string[]> {
  const plan = planNetwork(await readNetwork(), desired);
  const parts = [4, 6].flatMap((family) => [
    `internet IPv${family}`,
    ...links.map((name) => `link ${name} IPv${family}`),
  ]);
  const commands = [...plan.additions, ...plan.removals].filter(({ part }) => parts.includes(part));
  const table = plan.internet === undefined ? [] : [`nft table inet ${internetTableName}`];
  return [...commands.map(({ batch, text }) => `ip -${batch} ${text}`), ...table];
}

async function loadTable(part: string, table: string, script: string | undefined): Promise<AppliedNetwork> {
  if (script === undefined) return { changes: [], failures: [] };
  try {
    await loadScript(script);
    return { changes: [`nft table inet ${table}`], failures: [] };
  } catch (error) {
    return { changes: [], failures: [{ part, error: expected(error) }] };
  }
}

function attempt(part: string, changes: readonly string[], change: () => boolean): AppliedNetwork {
  try {
    return { changes: change() ? changes : [], failures: [] };
  } catch (error) {
    return { changes: [], failures: [{ part, error: expected(error) }] };
  }
}

/** A defect of ours is not a failure of the part. */
function expected(error: unknown): BackstayError {
  if (error instanceof BackstayError) return error;
  throw error;
}

function joined(parts: readonly AppliedNetwork[]): AppliedNetwork {
  return {
    changes: parts.flatMap(({ changes }) => changes),
    failures: parts.flatMap(({ failures }) => failures),
  };
}

function problemError({ device, why }: Omit<PlanProblem, 'part'>): BackstayError {
  return why === 'missing'
    ? new BackstayError('BS_INTERFACE_MISSING', `There is no interface ${device}.`, { place: device })
    : new BackstayError('BS_INTERFACE_FOREIGN', `${device} was not made by Backstay.`, { place: device });
}

async function readFamily(family: 4 | 6) {
  const [main, own, rules] = await readIp(
    [`-${family}`, '-N'],
    ['route show table main', `route show table all protocol ${ownProtocol}`, 'rule show'],
  );
  return {
    mainRoutes: readMainRoutes(main, family),
    ownRoutes: readOwnRoutes(own, family),
    rules: readRules(rules, family),
  };
}

/** The answers to several questions by one ip(8), each a line of JSON; where it does not answer all of them, by one for each. */
async function readIp<const Questions extends readonly string[]>(
  options: readonly string[],
  questions: Questions,
): Promise<{ readonly [Index in keyof Questions]: string }> {
  const args = [...options, '-json', '-details'];
  const batch = await tryProgram('ip', [...args, '-force', '-batch', '-'], {
    input: questions.map((question) => `${question}\n`).join(''),
  });
  const lines = batch.stdout.trimEnd().split('\n');
  const isWhole = batch.status === 0 && batch.stderr === '' && lines.length === questions.length;
  const answers = isWhole ? lines : await Promise.all(questions.map((question) => readOne(args, question)));
  return answers as unknown as { readonly [Index in keyof Questions]: string };
}

async function readOne(options: readonly string[], question: string): Promise<string> {
  const args = [...options, ...question.split(' ')];
  const result = await tryProgram('ip', args);
  if (result.status === 0) return result.stdout;
  // A kernel without IPv6 has no such routes and rules; a table that was never used does not exist.
  if (/not supported|FIB table does not exist/.test(result.stderr)) return '';
  throw new BackstayError('BS_PROGRAM_FAILED', `\`ip ${args.join(' ')}\` failed: ${result.stderr.trim()}`);
}
