/**
 * IP forwarding while the daemon runs, and everything back as it was afterwards.
 *
 * Contract: before a setting is changed its former value is on the disk (`<state>/sysctl.json`), so that the stop, or the next
 * start after a SIGKILL, can restore it. A record from before the last boot is worthless and ignored. A setting that is right
 * already is neither changed nor recorded; one that somebody changed after us stays as he wants it.
 * Switching forwarding changes other settings behind one's back, so these are recorded as well: the kernel copies
 * the switch to every interface, and ICMP redirects follow it (`inet_forward_change`, `addrconf_fixup_forwarding`).
 * A router ignores router advertisements unless `accept_ra` is 2, so links that live on them are set to 2 first.
 * Source: Documentation/networking/ip-sysctl.rst of the kernel.
 * Throws: BS_STATE_UNWRITABLE, BS_STATE_UNREADABLE, BS_SYSCTL_REFUSED; a failed change has been taken back.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { BackstayError } from '../errors.ts';
import { removeDurableFile, writeDurableFile } from './durable-file.ts';

export type SettingWishes = {
  readonly forwarding: boolean;
  /** Interfaces of the links. */
  readonly links: readonly string[];
  /** Interfaces on which answers come back by a packet's mark. */
  readonly marked: readonly string[];
};

/** @returns whether something was changed */
export function adjustSettings(stateDirectory: string, wishes: SettingWishes): boolean {
  if (!wishes.forwarding && wishes.marked.length === 0) return restoreSettings(stateDirectory);
  const record = readRecord(stateDirectory);
  const wanted = [...forwardingSettings(wishes, record), ...markSettings(wishes.marked)].filter(
    (setting) => readSetting(setting.name) !== undefined && readSetting(setting.name) !== setting.value,
  );
  if (wanted.length === 0) return false;
  const former = wanted.flatMap(({ name }) => [name, ...followersOf(name)]).map(currentValue);
  // What is recorded already is older, so it is what the machine had without us.
  writeRecord(stateDirectory, { ...record, former: { ...Object.fromEntries(former), ...record.former } });
  try {
    for (const { name, value } of wanted) writeSetting(name, value);
  } catch (error) {
    restoreSettings(stateDirectory);
    throw error;
  }
  return true;
}

/** @returns whether there was something to restore */
export function restoreSettings(stateDirectory: string): boolean {
  if (!existsSync(recordPath(stateDirectory))) return false;
  const { former } = readRecord(stateDirectory);
  const undone = switches.filter(({ name, value }) => name in former && readSetting(name) !== value);
  const untouchable = new Set(undone.flatMap(({ name }) => [name, ...followersOf(name)]));
  const names = Object.keys(former).filter((name) => !untouchable.has(name));
  // Switches first, because they overwrite what follows them.
  const isSwitch = (name: string) => switches.some((it) => it.name === name);
  for (const name of names.toSorted((one, other) => Number(isSwitch(other)) - Number(isSwitch(one)))) {
    const value = former[name];
    const present = readSetting(name);
    if (value !== undefined && present !== undefined && present !== value) writeSetting(name, value);
  }
  removeDurableFile(recordPath(stateDirectory));
  return names.length > 0;
}

/** The value of a setting such as `net/ipv4/ip_forward`; undefined when the kernel doesn't have it. */
export function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

type Setting = { readonly name: string; readonly value: string };

const ipv4Switch = 'net/ipv4/ip_forward';
const ipv6Switch = 'net/ipv6/conf/all/forwarding';
const switches: readonly Setting[] = [
  { name: ipv4Switch, value: '1' },
  { name: ipv6Switch, value: '1' },
];

const recordSchema = z.object({ boot: z.string(), former: z.record(z.string(), z.string()) });
type SettingsRecord = z.output<typeof recordSchema>;

function forwardingSettings({ forwarding, links }: SettingWishes, record: SettingsRecord): Setting[] {
  return forwarding ? [...advertisementSettings(links, record), ...switches] : [];
}

/** Strict `rp_filter` asks for the way back of an answer; with its mark it finds the link that the connection keeps to. */
function markSettings(interfaces: readonly string[]): Setting[] {
  return [...new Set(interfaces)].map((device) => {
    return { name: `net/ipv4/conf/${device}/src_valid_mark`, value: '1' };
  });
}

/** Where the operator switched forwarding on, he has decided about advertisements as well. */
function advertisementSettings(interfaces: readonly string[], record: SettingsRecord): Setting[] {
  const forwards = readSetting(ipv6Switch) === '1';
  if (forwards && !(ipv6Switch in record.former)) return [];
  return interfaces
    .map((device) => ({ name: `net/ipv6/conf/${device}/accept_ra`, value: '2' }))
    .filter(({ name }) => readSetting(name) === '1');
}

/** What the kernel changes together with a switch. */
function followersOf(name: string): string[] {
  if (name === ipv4Switch) {
    return ['net/ipv4/conf/all/accept_redirects', ...perInterface('net/ipv4/conf', 'forwarding')];
  }
  return name === ipv6Switch ? perInterface('net/ipv6/conf', 'forwarding') : [];
}

function perInterface(directory: string, setting: string): string[] {
  const path = `/proc/sys/${directory}`;
  const interfaces = existsSync(path) ? readdirSync(path).filter((name) => name !== 'all') : [];
  return interfaces.map((device) => `${directory}/${device}/${setting}`);
}

function currentValue(name: string): [string, string] {
  const value = readSetting(name);
  if (value === undefined) throw refused(name, 'it cannot be read');
  return [name, value];
}

function writeSetting(name: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/${name}`, `${value}\n`, { flag: 'r+' });
  } catch (cause) {
    throw refused(name, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function refused(name: string, why: string, cause?: unknown): BackstayError {
  const message = `${name.replaceAll('/', '.')} can't be changed: ${why}.`;
  return new BackstayError('BS_SYSCTL_REFUSED', message, { place: `/proc/sys/${name}`, cause });
}

function recordPath(stateDirectory: string): string {
  return `${stateDirectory}/sysctl.json`;
}

function writeRecord(stateDirectory: string, record: SettingsRecord): void {
  writeDurableFile(recordPath(stateDirectory), `${JSON.stringify(record, undefined, 2)}\n`);
}

function readRecord(stateDirectory: string): SettingsRecord {
  const boot = readSetting('kernel/random/boot_id') ?? '';
  const path = recordPath(stateDirectory);
  if (!existsSync(path)) return { boot, former: {} };
  try {
    const record = recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
    return record.boot === boot ? record : { boot, former: {} };
  } catch (cause) {
    throw new BackstayError('BS_STATE_UNREADABLE', `${path} is damaged.`, { place: path, cause });
  }
}
