/**
 * Network namespaces, the cables between them, and what runs inside.
 *
 * Contract: everything is made in a `Lab` and removed with it. A new namespace has its loopback up, IPv6 without
 * duplicate address detection (addresses work at once), no router advertisements, and no memory of earlier TCP
 * connections, so that a measurement does not depend on the one before. Addresses are CIDR text of either family.
 */
import { Child, type SpawnOptions } from './child.ts';
import { type CommandOutput, type RunOptions, run } from './command.ts';
import type { Lab } from './lab.ts';
import { removeNamespace, removeNamespaceNow } from './namespace-removal.ts';

/** One end of a cable: the interface `name` in `namespace`. */
export type InterfaceEnd = { readonly namespace: Namespace; readonly name: string };

export class Namespace {
  readonly name: string;
  readonly #lab: Lab;

  private constructor(lab: Lab, name: string) {
    this.#lab = lab;
    this.name = name;
  }

  /** @param role what it stands for: `host-a`, `gateway-b`, `wan`; its name is then `bs-<tag>-<role>-<pid>` */
  static async create(lab: Lab, role: string): Promise<Namespace> {
    const namespace = new Namespace(lab, lab.name(role));
    await run('ip', ['netns', 'add', namespace.name]);
    lab.onRemoval({
      gracefully: () => removeNamespace(namespace.name),
      now: () => removeNamespaceNow(namespace.name),
    });
    await namespace.run('sysctl', ['-qw', ...quietSysctls]);
    await namespace.ip('link set lo up');
    return namespace;
  }

  /** Runs a program to its end inside; throws with its output when it fails. */
  run(program: string, args: readonly string[] = [], options: RunOptions = {}): Promise<CommandOutput> {
    return run('ip', ['netns', 'exec', this.name, program, ...args], options);
  }

  /** Starts a program that runs until it is stopped, at the latest with the laboratory. */
  async spawn(program: string, args: readonly string[] = [], options: SpawnOptions = {}): Promise<Child> {
    const child = await Child.start('ip', ['netns', 'exec', this.name, program, ...args], options);
    this.#lab.onRemoval({
      gracefully: async () => void (await child.stop()),
      now: () => child.killNow(),
    });
    return child;
  }

  /** Runs `ip` commands, one per line, without the word `ip`; all or an error naming the line. */
  async ip(...commands: string[]): Promise<void> {
    await run('ip', ['-netns', this.name, '-batch', '-'], { input: `${commands.join('\n')}\n` });
  }

  /** Loads an nftables ruleset. */
  async nft(ruleset: string): Promise<void> {
    await this.run('nft', ['-f', '-'], { input: ruleset });
  }

  async hasInterface(interfaceName: string): Promise<boolean> {
    const { stdout } = await run('ip', ['-netns', this.name, '-json', 'link', 'show']);
    return (JSON.parse(stdout) as { ifname: string }[]).some(({ ifname }) => ifname === interfaceName);
  }

  /** An address that is there already is no error. */
  async addAddresses(interfaceName: string, ...addresses: string[]): Promise<void> {
    const nodad = (address: string) => (address.includes(':') ? ' nodad' : '');
    await this.ip(
      ...addresses.map((address) => `address replace ${address} dev ${interfaceName}${nodad(address)}`),
    );
  }

  /** Replaces the same route. @param prefix CIDR text or `default`, then of the family of `via` */
  async addRoute(prefix: string, via: string, options = ''): Promise<void> {
    await this.ip(`route replace ${prefix} via ${via} ${options}`);
  }

  /** Lets it route between its interfaces, as a gateway without Backstay does. */
  async enableForwarding(): Promise<void> {
    await this.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  }

  /**
   * Switches the offloads of an interface off, so that frames leave it as a wire would carry them: no larger than
   * the MTU and with finished checksums. For ends whose frames go through the WAN emulator.
   */
  async disableOffloads(interfaceName: string): Promise<void> {
    const off = ['tx', 'tso', 'gso', 'gro', 'sg'].flatMap((feature) => [feature, 'off']);
    await this.run('ethtool', ['-K', interfaceName, ...off]);
  }
}

const quietSysctls = [
  'net.ipv6.conf.default.accept_dad=0',
  'net.ipv6.conf.all.accept_dad=0',
  'net.ipv6.conf.default.accept_ra=0',
  'net.ipv6.conf.default.router_solicitations=0',
  'net.ipv4.tcp_no_metrics_save=1',
];

/** Lays a cable (a veth pair) between two namespaces; both ends are up. */
export async function connect(a: InterfaceEnd, b: InterfaceEnd, mtu = 1500): Promise<void> {
  const near = `${a.name} mtu ${mtu} netns ${a.namespace.name}`;
  const far = `name ${b.name} mtu ${mtu} netns ${b.namespace.name}`;
  await run('ip', `link add ${near} type veth peer ${far}`.split(' '));
  await a.namespace.ip(`link set ${a.name} up`);
  await b.namespace.ip(`link set ${b.name} up`);
}
