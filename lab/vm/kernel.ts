/**
 * Obtains Debian's own kernel for the virtual machine: downloaded as a package, unpacked, never installed.
 *
 * Contract: resolves to a complete unpacked kernel; the first call downloads about 70 MB through apt (which checks
 * the package against the archive's signed index), later calls find it in the cache. Several processes may call it
 * at once: each unpacks beside the cache and moves the result into its place in one step.
 */
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../command.ts';
import { VmError } from './vm-error.ts';

export type Kernel = {
  /** As `uname -r` in the virtual machine says it. */
  readonly release: string;
  /** The bootable image. */
  readonly image: string;
  /** The directory that is /lib/modules/RELEASE in the virtual machine, with its modules.dep. */
  readonly modules: string;
};

const cacheDirectory = '/var/cache/backstay-lab';

export async function obtainKernel(): Promise<Kernel> {
  const { packageName, version } = await currentKernelPackage();
  const release = packageName.slice('linux-image-'.length);
  const tree = join(cacheDirectory, `${packageName}_${version.replaceAll(':', '%3a')}`);
  const kernel = {
    release,
    image: join(tree, 'boot', `vmlinuz-${release}`),
    modules: join(tree, 'lib', 'modules', release),
  };
  if (!(await isComplete(kernel))) await unpackInto(tree, packageName, version, release);
  if (!(await isComplete(kernel)))
    throw new VmError(`${tree} holds no complete kernel; remove it to try again`);
  return kernel;
}

/** The package that Debian's `linux-image-amd64` stands for at present. */
async function currentKernelPackage(): Promise<{ packageName: string; version: string }> {
  const { stdout: record } = await run('apt-cache', ['show', '--no-all-versions', 'linux-image-amd64']);
  const found = /^Depends:.*?\b(linux-image-[\w.+-]+) \(= ([^)]+)\)/m.exec(record);
  if (found?.[1] === undefined || found[2] === undefined) {
    throw new VmError('apt knows no kernel for linux-image-amd64: run apt-get update first');
  }
  return { packageName: found[1], version: found[2] };
}

async function isComplete(kernel: Kernel): Promise<boolean> {
  const files = [kernel.image, join(kernel.modules, 'modules.dep')];
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.every((size) => size > 0);
}

async function unpackInto(
  tree: string,
  packageName: string,
  version: string,
  release: string,
): Promise<void> {
  await mkdir(cacheDirectory, { recursive: true });
  const scratch = await mkdtemp(join(cacheDirectory, 'unpacking-'));
  try {
    await run('env', ['-C', scratch, 'apt-get', '-q', 'download', `${packageName}=${version}`]);
    const archive = (await readdir(scratch)).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new VmError(`apt-get downloaded no package for ${packageName}`);
    const unpacked = join(scratch, 'tree');
    await run('dpkg', ['-x', join(scratch, archive), unpacked]);
    await run('depmod', ['-b', unpacked, release]);
    await rm(tree, { recursive: true, force: true });
    await rename(unpacked, tree).catch((error: NodeJS.ErrnoException) => {
      // Another process was first with the same package; its tree is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
