/**
 * Whether ports can be reached, and what those who try are told.
 *
 * Contract: `openPorts` returns when all of them listen, and they do so until the laboratory goes. `knock` tries ports at
 * the same time: `answered`, `silent`, or the error that the kernel reports (`ECONNREFUSED`, `EHOSTUNREACH`, …).
 */
import { join } from 'node:path';
import type { Namespace } from '../namespace.ts';

export type Protocol = 'tcp' | 'udp';

export async function openPorts(namespace: Namespace, ports: readonly number[]): Promise<void> {
  const child = await namespace.spawn(process.execPath, [program('answerer-main.ts'), ...ports.map(String)]);
  await child.waitFor(/listening/);
}

export async function knock(
  from: Namespace,
  protocol: Protocol,
  address: string,
  ports: readonly number[],
): Promise<string[]> {
  const words = [program('knocker-main.ts'), protocol, address, ...ports.map(String)];
  const { stdout } = await from.run(process.execPath, words);
  return JSON.parse(stdout) as string[];
}

function program(name: string): string {
  return join(import.meta.dirname, 'knock', name);
}
