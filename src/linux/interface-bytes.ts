/** What an interface has carried, as the kernel counts it. Source: Documentation/ABI/testing/sysfs-class-net-statistics. */
import { readFileSync } from 'node:fs';

export type InterfaceBytes = { readonly received: number; readonly sent: number };

/** @param interfaceName one that the configuration took: no path. @returns undefined when there is no such interface */
export function readInterfaceBytes(interfaceName: string): InterfaceBytes | undefined {
  const read = (name: string) =>
    Number(readFileSync(`/sys/class/net/${interfaceName}/statistics/${name}`, 'latin1'));
  try {
    return { received: read('rx_bytes'), sent: read('tx_bytes') };
  } catch {
    return undefined;
  }
}
