/**
 * The TUN devices of all tunnels: opened at the start, adopted from a killed daemon, made again when somebody deletes one.
 *
 * Contract: `open` opens all or none, and never takes what belongs to somebody else. `restore` looks whether each device
 * is still the one that was opened. `remove` takes them from the machine; `leave` closes them and leaves what a later
 * start can adopt. Descriptors are closed only when the worker let go of them, which is the caller's to see to.
 * Throws: BS_INTERFACE_FOREIGN, BS_TUN_BUSY, BS_TUN_UNAVAILABLE, BS_PRIVILEGE_MISSING.
 */
import type { TunnelConfig } from '../config/index.ts';
import { BackstayError } from '../errors.ts';
import { openTun, releaseTun, removeTun, type TunDevice } from '../linux/tun.ts';
import type { NetworkSnapshot } from '../network/network-snapshot.ts';
import { mayTakeOver } from '../network/tunnel-device.ts';

type OpenDevice = {
  readonly device: TunDevice;
  /** The kernel's number of it; undefined until it was seen. */
  index: number | undefined;
  /** It was there before this start. */
  readonly adopted: boolean;
};

export class TunnelDevices {
  readonly #configs: readonly TunnelConfig[];
  /** In the order of the tunnels; undefined where the device is gone and could not be made again. */
  #open: (OpenDevice | undefined)[] = [];

  constructor(configs: readonly TunnelConfig[]) {
    this.#configs = configs;
  }

  open(network: NetworkSnapshot): TunDevice[] {
    for (const { interface: name } of this.#configs) refuseForeign(network, name);
    try {
      for (const { interface: name } of this.#configs) this.#open.push(openDevice(network, name));
    } catch (error) {
      this.leave();
      throw error;
    }
    return this.#open.flatMap((one) => one?.device ?? []);
  }

  get adoptedNames(): string[] {
    return this.#open.flatMap((one) => (one?.adopted === true ? [one.device.name] : []));
  }

  /** Which tunnels lost their device, by number. */
  lost(network: NetworkSnapshot): number[] {
    return this.#open.flatMap((one, tunnel) => {
      const name = this.#configs[tunnel]?.interface;
      const present = network.interfaces.find((it) => it.name === name);
      if (one === undefined || present === undefined) return [tunnel];
      one.index ??= present.index;
      return one.index === present.index ? [] : [tunnel];
    });
  }

  /** Closes what is left of a lost device. */
  forget(tunnel: number): void {
    const lost = this.#open[tunnel];
    this.#open[tunnel] = undefined;
    if (lost !== undefined) releaseTun(lost.device);
  }

  /** Makes a lost device again. */
  reopen(network: NetworkSnapshot, tunnel: number): TunDevice {
    const name = this.#configs[tunnel]?.interface ?? '';
    refuseForeign(network, name);
    const made = openDevice(network, name);
    this.#open[tunnel] = made;
    return made.device;
  }

  remove(): void {
    for (const one of this.#open.splice(0)) if (one !== undefined) removeTun(one.device);
  }

  /** What this start has made goes, unless `all` stays; what was there before stays in any case. */
  leave({ all = false } = {}): void {
    for (const one of this.#open.splice(0)) {
      if (one === undefined) continue;
      if (all || one.adopted) releaseTun(one.device);
      else removeTun(one.device);
    }
  }
}

function openDevice(network: NetworkSnapshot, name: string): OpenDevice {
  const adopted = network.interfaces.some((it) => it.name === name);
  return { device: openTun(name), index: undefined, adopted };
}

/** Attaching to an interface of another kind fails with a number that says nothing. */
function refuseForeign(network: NetworkSnapshot, name: string): void {
  const present = network.interfaces.find((it) => it.name === name);
  if (present === undefined || mayTakeOver(present)) return;
  throw new BackstayError(
    'BS_INTERFACE_FOREIGN',
    `There is an interface ${name} that Backstay has not made.`,
    {
      place: name,
    },
  );
}
