/**
 * What the laboratory needs of the machine, checked before anything is made.
 *
 * Contract: throws one error that names everything missing and how to get it.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Program and the Debian package that brings it; packages.txt lists the same packages. */
const programs: Readonly<Record<string, string>> = {
  ethtool: 'ethtool',
  ip: 'iproute2',
  iperf3: 'iperf3',
  nft: 'nftables',
  ping: 'iputils-ping',
  sysctl: 'procps',
  tcpdump: 'tcpdump',
};

export function requireLaboratory(): void {
  const missing = missingPackages();
  const complaints: string[] = [];
  if (process.getuid?.() !== 0) complaints.push('it needs root (network namespaces, packet sockets)');
  if (missing.length > 0) complaints.push(`install what is missing: apt-get install ${missing.join(' ')}`);
  if (complaints.length > 0) throw new Error(`The laboratory cannot run here: ${complaints.join('; ')}.`);
}

/** @param searchPath as in the environment variable PATH */
export function missingPackages(searchPath: string = process.env['PATH'] ?? ''): string[] {
  const folders = searchPath.split(':').filter(Boolean);
  const found = (program: string) => folders.some((folder) => isExecutable(join(folder, program)));
  const missing = Object.entries(programs).filter(([program]) => !found(program));
  return [...new Set(missing.map(([, debianPackage]) => debianPackage))];
}

export const requiredPackages: readonly string[] = [...new Set(Object.values(programs))].sort();

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
