/**
 * What the virtual machine needs of the machine it runs on, checked before anything is started.
 *
 * Contract: throws one error that names everything missing and the packages that bring it; installs nothing.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { VmError } from './vm-error.ts';

/** Program and the Debian package that brings it; packages.txt lists the same packages. */
const programs: Readonly<Record<string, string>> = {
  busybox: 'busybox-static',
  cpio: 'cpio',
  depmod: 'kmod',
  ip: 'iproute2',
  ping: 'iputils-ping',
  pppd: 'ppp',
  'qemu-system-x86_64': 'qemu-system-x86',
  setpriv: 'util-linux',
  tcpdump: 'tcpdump',
  tshark: 'tshark',
};

export const requiredPackages: readonly string[] = [...new Set(Object.values(programs))].sort();

export function requireVm(): void {
  const missing = missingPackages();
  const complaints: string[] = [];
  // The machine's own files are shared as they are, including those that only root can read.
  if (process.getuid?.() !== 0) complaints.push('it needs root');
  if (missing.length > 0) complaints.push(`install what is missing: apt-get install ${missing.join(' ')}`);
  if (complaints.length > 0)
    throw new VmError(`The virtual machine cannot run here: ${complaints.join('; ')}.`);
}

/** @param searchPath as in the environment variable PATH */
export function missingPackages(searchPath: string = process.env['PATH'] ?? ''): string[] {
  const folders = searchPath.split(':').filter(Boolean);
  const missing = Object.entries(programs).filter(
    ([program]) => !folders.some((folder) => isExecutable(join(folder, program))),
  );
  return missing.map(([, debianPackage]) => debianPackage);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
