/**
 * The way from what is there to what is desired: commands for ip(8) and a script for nft(8).
 *
 * Contract: nothing that is right already is touched, so a plan from the desired state to itself is empty. What is new is
 * made before what is old is taken away, and a changed route is replaced in one step. Every command belongs to a part (a
 * tunnel, one family of a link) that can fail and be taken back alone.
 */
import type { DesiredLink, DesiredState, DesiredTunnelDevice } from './desired-state.ts';
import { filterComments, filterScript } from './filter-table.ts';
import { firewallComments, firewallScript } from './forwarding.ts';
import { internetRoutes, internetRules, internetTable, isInternetRule } from './internet-routing.ts';
import { internetComments, internetScript } from './internet-table.ts';
import type { IpFamily } from './ip-address.ts';
import { linkIndexOfTable, linkRoutes, linkRules } from './link-routing.ts';
import type { NetworkSnapshot } from './network-snapshot.ts';
import { formatRoute, formatRule, type Route, type Rule, routeKey } from './route.ts';
import {
  closingSteps,
  deviceSteps,
  isOwnDevice,
  mayTakeOver,
  type Step,
  surplusAddressSteps,
} from './tunnel-device.ts';
import { tunnelRoutes } from './tunnel-routing.ts';

/** Which invocation of ip(8) a command belongs to: without, or with `-4` or `-6`. */
export type Batch = 'device' | IpFamily;

export type Command = Step & { readonly part: string; readonly batch: Batch };

export type NetworkPlan = {
  /** Run in order. */
  readonly additions: readonly Command[];
  /** Run afterwards, without the parts that failed. */
  readonly removals: readonly Command[];
  /** What `nft -f -` reads; undefined when the table is right. */
  readonly firewall: string | undefined;
  /** The same for the table with the traffic filters. To be loaded before anything else. */
  readonly filters: string | undefined;
  /** The same for the table that spreads plain traffic over links. To be loaded when the rules stand that it leads to. */
  readonly internet: string | undefined;
  readonly problems: readonly PlanProblem[];
};

/** A part that can't be made at all. */
export type PlanProblem = {
  readonly part: string;
  readonly device: string;
  readonly why: 'missing' | 'foreign';
};

export function planNetwork(present: NetworkSnapshot, desired: DesiredState): NetworkPlan {
  const problems = desired.tunnelDevices.flatMap((device) => deviceProblem(present, device));
  const impossible = new Set(problems.map((problem) => problem.part));
  const devices = desired.tunnelDevices.filter((device) => !impossible.has(tunnelPart(device.tunnel)));
  const possible = { ...desired, tunnelDevices: devices };
  const deviceChange = planDevices(present, devices);
  const routeChange = planRoutes(present, wantedRoutes(possible), partFinder(present, possible));
  const ruleChange = planRules(present, wantedRules(desired), partFinder(present, possible));
  return {
    additions: inOrder(
      ['device', 4, 6],
      [deviceChange, routeChange, ruleChange].flatMap((it) => it.additions),
    ),
    removals: inOrder(
      [4, 6, 'device'],
      [ruleChange, routeChange, deviceChange].flatMap((it) => it.removals),
    ),
    firewall: sameList(present.ownFirewall, firewallComments(devices)) ? undefined : firewallScript(devices),
    // A filter stands whatever becomes of its device.
    filters: sameList(present.ownFilters, filterComments(desired.filters))
      ? undefined
      : filterScript(desired.filters),
    internet: sameList(present.ownInternet, internetComments(desired)) ? undefined : internetScript(desired),
    problems,
  };
}

/** The whole plan as text: one block per invocation. */
export function formatPlan(plan: NetworkPlan): string {
  const blocks = [...inBatches(plan.additions), ...inBatches(plan.removals)];
  const batches = blocks.map(({ batch, commands }) => {
    const option = batch === 'device' ? '' : ` -${batch}`;
    return `# ip${option} -batch -\n${commands.map((command) => `${command.text}\n`).join('')}`;
  });
  const scripts = [plan.firewall, plan.filters, plan.internet].filter((script) => script !== undefined);
  return [...batches, ...scripts.map((script) => `# nft -f -\n${script}`)].join('');
}

/** Neighbouring commands of the same invocation together. */
export function inBatches(commands: readonly Command[]): { batch: Batch; commands: Command[] }[] {
  const batches: { batch: Batch; commands: Command[] }[] = [];
  for (const command of commands) {
    const last = batches.at(-1);
    if (last?.batch === command.batch) last.commands.push(command);
    else batches.push({ batch: command.batch, commands: [command] });
  }
  return batches;
}

export function tunnelPart(tunnel: string): string {
  return `tunnel ${tunnel}`;
}

type Change = { readonly additions: readonly Command[]; readonly removals: readonly Command[] };
type Wanted<Item> = { readonly part: string; readonly item: Item };
type PartFinder = { ofRoute(route: Route): string; ofRule(rule: Rule): string };

function deviceProblem(present: NetworkSnapshot, { tunnel, name }: DesiredTunnelDevice): PlanProblem[] {
  const device = present.interfaces.find((it) => it.name === name);
  if (device === undefined) return [{ part: tunnelPart(tunnel), device: name, why: 'missing' }];
  return mayTakeOver(device) ? [] : [{ part: tunnelPart(tunnel), device: name, why: 'foreign' }];
}

function planDevices(present: NetworkSnapshot, desired: readonly DesiredTunnelDevice[]): Change {
  const additions: Command[] = [];
  const removals: Command[] = [];
  for (const device of desired) {
    const part = tunnelPart(device.tunnel);
    const there = present.interfaces.find((it) => it.name === device.name);
    if (there === undefined) continue;
    additions.push(...deviceSteps(there, device).map((step) => deviceCommand(part, step)));
    const surplus = [...surplusAddressSteps(there, device), ...closingSteps(there, device)];
    removals.push(...surplus.map((step) => deviceCommand(part, step)));
  }
  const kept = new Set(desired.map((device) => device.name));
  const stale = present.interfaces.filter((it) => isOwnDevice(it) && !kept.has(it.name));
  for (const { name } of stale) {
    removals.push(deviceCommand(`device ${name}`, { text: `link del dev ${name}`, undo: '' }));
  }
  return { additions, removals };
}

function deviceCommand(part: string, step: Step): Command {
  return { part, batch: 'device', ...step };
}

function wantedRoutes(desired: DesiredState): Wanted<Route>[] {
  const ofTunnels = desired.tunnelDevices.flatMap((device) =>
    tunnelRoutes(device).map((item) => ({ part: tunnelPart(device.tunnel), item })),
  );
  const ofLinks = desired.links.flatMap((link) =>
    link.families.flatMap((way) =>
      linkRoutes(link, way).map((item) => ({ part: linkPart(link.name, way.family), item })),
    ),
  );
  const ofInternet = internetRoutes(desired).map((item) => ({ part: internetPart(item.family), item }));
  return [...ofTunnels, ...ofLinks, ...ofInternet];
}

function wantedRules(desired: DesiredState): Wanted<Rule>[] {
  const ofInternet = internetRules(desired).map((item) => ({ part: internetPart(item.family), item }));
  return [...linksRules(desired.links), ...ofInternet];
}

function linksRules(links: readonly DesiredLink[]): Wanted<Rule>[] {
  const taken = new Set<string>();
  return links.flatMap((link) =>
    link.families.flatMap((way) => {
      const ownsAddress = !taken.has(way.address.text);
      taken.add(way.address.text);
      const part = linkPart(link.name, way.family);
      return linkRules(link, way, ownsAddress).map((item) => ({ part, item }));
    }),
  );
}

/** Few invocations; within one, routes are made before the rules that lead to them and taken away after. */
function inOrder(batches: readonly Batch[], commands: readonly Command[]): Command[] {
  return batches.flatMap((batch) => commands.filter((command) => command.batch === batch));
}

function planRoutes(present: NetworkSnapshot, wanted: readonly Wanted<Route>[], parts: PartFinder): Change {
  const wantedKeys = new Set(wanted.map(({ item }) => routeKey(item)));
  const presentByKey = new Map(present.ownRoutes.map((route) => [routeKey(route), route]));
  const additions = wanted.flatMap(({ part, item }): Command[] => {
    const old = presentByKey.get(routeKey(item));
    const text = formatRoute(item);
    if (old === undefined) {
      return [{ part, batch: item.family, text: `route add ${text}`, undo: `route del ${text}` }];
    }
    const undo = `route replace ${formatRoute(old)}`;
    if (undo === `route replace ${text}`) return [];
    return [{ part, batch: item.family, text: `route replace ${text}`, undo }];
  });
  const surplus = present.ownRoutes.filter((route) => !wantedKeys.has(routeKey(route)));
  const removals = surplus.map((route) =>
    removal('route', formatRoute(route), route.family, parts.ofRoute(route)),
  );
  return { additions, removals };
}

function planRules(present: NetworkSnapshot, wanted: readonly Wanted<Rule>[], parts: PartFinder): Change {
  const textOf = (rule: Rule) => `${rule.family} ${formatRule(rule)}`;
  const there = new Set(present.ownRules.map(textOf));
  const wantedTexts = new Set(wanted.map(({ item }) => textOf(item)));
  const missing = wanted.filter(({ item }) => !there.has(textOf(item)));
  const additions = missing.map(({ part, item }): Command => {
    const text = formatRule(item);
    return { part, batch: item.family, text: `rule add ${text}`, undo: `rule del ${text}` };
  });
  const surplus = present.ownRules.filter((rule) => !wantedTexts.has(textOf(rule)));
  const removals = surplus.map((rule) => removal('rule', formatRule(rule), rule.family, parts.ofRule(rule)));
  return { additions, removals };
}

function removal(object: 'route' | 'rule', text: string, batch: IpFamily, part: string): Command {
  return { part, batch, text: `${object} del ${text}`, undo: `${object} add ${text}` };
}

/** Whose a thing is that is there: what replaces it must succeed before it is taken away. */
function partFinder(present: NetworkSnapshot, desired: DesiredState): PartFinder {
  const ofTable = (table: number, family: IpFamily) => {
    const index = linkIndexOfTable(table);
    const link = desired.links.find((it) => it.index === index);
    return link === undefined ? 'leftovers' : linkPart(link.name, family);
  };
  const tunnelOf = (device: string) => desired.tunnelDevices.find((it) => it.name === device)?.tunnel;
  return {
    ofRoute(route) {
      if (route.table === internetTable) return internetPart(route.family);
      const tunnel = route.type === 'unicast' ? tunnelOf(route.device) : undefined;
      return tunnel === undefined ? ofTable(route.table, route.family) : tunnelPart(tunnel);
    },
    ofRule(rule) {
      if (isInternetRule(rule)) return internetPart(rule.family);
      const sameSource = present.ownRules.filter((it) => it.from?.text === rule.from?.text);
      const table = [rule, ...sameSource]
        .map((it) => it.table)
        .find((it) => linkIndexOfTable(it) !== undefined);
      return ofTable(table ?? rule.table, rule.family);
    },
  };
}

/** `internet IPv4` */
export function internetPart(family: IpFamily): string {
  return `internet IPv${family}`;
}

function linkPart(link: string, family: IpFamily): string {
  return `link ${link} IPv${family}`;
}

function sameList(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
}
