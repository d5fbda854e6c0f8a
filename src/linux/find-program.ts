/** Where a program of the system is. */
import { accessSync, constants } from 'node:fs';

/** `su` without `-` leaves root without the directories that have pppd on Debian. */
const systemFolders = ['/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** @returns its absolute path, or undefined when it is not installed */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...systemFolders];
  return folders
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => `${folder}/${name}`)
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
