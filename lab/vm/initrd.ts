/**
 * Builds the small initial file system of the virtual machine: busybox, the modules that reach the machine's own
 * files, and a script that mounts them (read-only by 9p, writable in memory by an overlay) and hands over.
 *
 * Contract: `buildInitrd` writes the archive to the given file. The modules are loaded in the order of their
 * dependencies, as modules.dep lists them.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '../command.ts';
import type { Kernel } from './kernel.ts';
import { VmError } from './vm-error.ts';

/** The names of the two 9p shares, as the kernel mounts them. */
export const machineShare = 'machine';
export const outputShare = 'output';
/** Where the virtual machine sees the shared output directory. */
export const outputInGuest = '/run/backstay-vm';
/** The script in the output directory that becomes process 1. */
export const guestScript = 'guest.sh';

const bootModules = ['virtio_pci', '9pnet_virtio', '9p', 'overlay'];

export async function buildInitrd(kernel: Kernel, file: string): Promise<void> {
  const tree = await mkdtemp(join(tmpdir(), 'backstay-initrd-'));
  try {
    for (const directory of ['bin', 'modules', 'proc', 'sys', 'dev', 'lower', 'upper', 'root']) {
      await mkdir(join(tree, directory));
    }
    await copyFile('/bin/busybox', join(tree, 'bin/busybox')).catch((error: unknown) => {
      throw new VmError('/bin/busybox is missing: install busybox-static (see lab/vm/packages.txt)', error);
    });
    const modules = moduleOrder(await readFile(join(kernel.modules, 'modules.dep'), 'utf8'), bootModules);
    for (const path of modules) {
      await copyFile(join(kernel.modules, path), join(tree, 'modules', basename(path)));
    }
    await writeFile(join(tree, 'init'), initScript(kernel, modules), { mode: 0o755 });
    const names = [
      '.',
      'bin',
      'bin/busybox',
      'init',
      'modules',
      ...modules.map((path) => `modules/${basename(path)}`),
    ];
    const input = [...names, 'proc', 'sys', 'dev', 'lower', 'upper', 'root'].join('\n');
    await run('env', ['-C', tree, 'cpio', '-o', '-H', 'newc', '-R', '0:0', '--quiet', '-F', file], { input });
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/**
 * The files of the named modules and of all they depend on, each after what it needs. `modulesDep` is the text of
 * modules.dep: `FILE: NEEDED NEEDED …` per line. A name that is not there is built into the kernel.
 */
export function moduleOrder(modulesDep: string, names: readonly string[]): string[] {
  const needs = new Map<string, string[]>();
  const fileOf = new Map<string, string>();
  for (const line of modulesDep.split('\n')) {
    const [file, needed] = line.split(':');
    if (file === undefined || needed === undefined) continue;
    needs.set(file, needed.trim().split(' ').filter(Boolean));
    fileOf.set(
      basename(file)
        .replace(/\.ko(\.\w+)?$/, '')
        .replaceAll('-', '_'),
      file,
    );
  }
  const order: string[] = [];
  const visit = (file: string): void => {
    if (order.includes(file)) return;
    for (const needed of needs.get(file) ?? []) visit(needed);
    if (!order.includes(file)) order.push(file);
  };
  for (const name of names) {
    const file = fileOf.get(name.replaceAll('-', '_'));
    if (file !== undefined) visit(file);
  }
  return order;
}

function initScript(kernel: Kernel, modules: readonly string[]): string {
  const ninep = 'trans=virtio,version=9p2000.L,msize=512000';
  return `#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
${modules.map((path) => `$b insmod /modules/${basename(path)}`).join('\n')}
$b mount -t 9p -o ro,cache=loose,${ninep} ${machineShare} /lower || exit 1
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/data /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root || exit 1
$b mount -t tmpfs tmpfs /root/run
$b mkdir -p /root${outputInGuest} /root/lib/modules/${kernel.release}
$b mount -t 9p -o ${ninep} ${outputShare} /root${outputInGuest} || exit 1
$b mount -o bind /root${kernel.modules} /root/lib/modules/${kernel.release}
for d in proc sys dev; do $b mount --move /$d /root/$d; done
exec $b switch_root /root /bin/sh ${outputInGuest}/${guestScript}
`;
}
