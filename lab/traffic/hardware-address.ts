/** The hardware (MAC) address of an interface in a namespace. */
import type { Namespace } from '../namespace.ts';

/** @returns 6 bytes */
export async function hardwareAddress(namespace: Namespace, interfaceName: string): Promise<Uint8Array> {
  const { stdout } = await namespace.run('ip', ['-json', 'link', 'show', 'dev', interfaceName]);
  const [link] = JSON.parse(stdout) as { address: string }[];
  if (link === undefined) throw new Error(`no interface ${interfaceName}`);
  return Uint8Array.from(link.address.split(':'), (part) => Number.parseInt(part, 16));
}
