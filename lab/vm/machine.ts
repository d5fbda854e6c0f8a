/**
 * Runs one program under Debian's own kernel in a virtual machine: qemu's software emulation, two processors, the
 * machine's own files seen read-only (what the program writes stays in the virtual machine's memory).
 *
 * Contract: `runInVm` resolves when the program ended and the machine is off, with the program's exit status, its
 * output, and the files it left in the directory named by $BACKSTAY_VM_OUTPUT. It rejects with a `VmError` when
 * the machine did not start, the kernel panicked, or the time was over; qemu is gone in every case, also when this
 * process is killed. Times are wall time; the emulated processor is some twenty times slower than the real one.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runEmulator } from './emulator.ts';
import { buildInitrd, guestScript, machineShare, outputInGuest, outputShare } from './initrd.ts';
import { obtainKernel } from './kernel.ts';
import { requireVm } from './requirements.ts';
import { VmError } from './vm-error.ts';

export type VmRun = {
  /** The program and its arguments, as found in the machine's own files. */
  readonly command: readonly string[];
  /** Kernel modules to load before the program starts. */
  readonly modules?: readonly string[];
  /**
   * Whether the kernel may load further modules when it wants them; true by default. The crypto API asks a dozen times
   * for what does not exist, 0.3 s each: with a complete list of modules, `false` saves seconds.
   */
  readonly loadOnDemand?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** The program's working directory; the one of this process by default. */
  readonly cwd?: string;
  /** From the start of qemu to its end. */
  readonly timeoutMillis?: number;
  readonly memoryMb?: number;
};

export type VmResult = {
  readonly exitStatus: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What the program left in $BACKSTAY_VM_OUTPUT, by name. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** What the kernel said on the serial line. */
  readonly serial: string;
  readonly elapsedMillis: number;
};

const defaultTimeoutMillis = 180_000;
/** Node.js takes 100 MB; the rest is for what the overlay keeps in memory. */
const defaultMemoryMb = 1024;

export async function runInVm(run: VmRun): Promise<VmResult> {
  requireVm();
  const kernel = await obtainKernel();
  const scratch = await mkdtemp(join(tmpdir(), 'backstay-vm-'));
  try {
    const output = join(scratch, 'output');
    await mkdir(join(output, 'files'), { recursive: true });
    const initrd = join(scratch, 'initrd');
    await buildInitrd(kernel, initrd);
    await writeFile(join(output, guestScript), script(run));
    const started = performance.now();
    const timeoutMillis = run.timeoutMillis ?? defaultTimeoutMillis;
    const shares = {
      [machineShare]: { path: '/', writable: false },
      [outputShare]: { path: output, writable: true },
    };
    const memoryMb = run.memoryMb ?? defaultMemoryMb;
    const end = await runEmulator({ image: kernel.image, initrd, shares, memoryMb, timeoutMillis });
    return { ...(await collect(output, end)), elapsedMillis: Math.round(performance.now() - started) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Process 1 of the virtual machine. The status is written in one step, so that half a status is none. */
function script(run: VmRun): string {
  // What was compiled on the machine itself: an emulated processor takes ten seconds for what it then reads in two.
  const { NODE_COMPILE_CACHE } = process.env;
  const exports = Object.entries({
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    BACKSTAY_VM_OUTPUT: `${outputInGuest}/files`,
    ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }),
    ...run.env,
  }).map(([name, value]) => `export ${name}=${quote(value)}`);
  return `${exports.join('\n')}
cd ${outputInGuest}
ip link set lo up
status=0
${modprobe(run)}if [ $status = 0 ]; then
  cd ${quote(run.cwd ?? process.cwd())}
  ${run.command.map(quote).join(' ')} < /dev/null > ${outputInGuest}/stdout 2>> ${outputInGuest}/stderr
  status=$?
fi
echo $status > ${outputInGuest}/status.part
mv ${outputInGuest}/status.part ${outputInGuest}/status
sync
busybox poweroff -f
`;
}

function modprobe({ modules = [], loadOnDemand = true }: VmRun): string {
  const load =
    modules.length === 0 ? '' : `modprobe -a ${modules.map(quote).join(' ')} 2>> stderr || status=125\n`;
  return loadOnDemand ? load : `${load}echo > /proc/sys/kernel/modprobe\n`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

type EmulatorEnd = Awaited<ReturnType<typeof runEmulator>>;

async function collect(output: string, end: EmulatorEnd): Promise<Omit<VmResult, 'elapsedMillis'>> {
  const text = (name: string) => readFile(join(output, name), 'utf8').catch(() => '');
  const [status, stdout, stderr] = await Promise.all([text('status'), text('stdout'), text('stderr')]);
  if (status === '') throw new VmError(`${failure(end)}\n${evidence(end.serial, stdout, stderr)}`);
  const names = await readdir(join(output, 'files'));
  const files = new Map<string, Buffer>();
  for (const name of names) files.set(name, await readFile(join(output, 'files', name)));
  return { exitStatus: Number(status), stdout, stderr, files, serial: end.serial };
}

function failure(end: EmulatorEnd): string {
  const panic = /Kernel panic[^\r\n]*/.exec(end.serial)?.[0];
  if (panic !== undefined) return `the virtual machine's kernel stopped: ${panic}`;
  if (end.timedOut) return `the virtual machine was not done after ${end.timeoutMillis} ms and was killed`;
  return `qemu ended (${end.exit}) before the program did`;
}

/** The last lines of everything that was said, for the reader of a failed test. */
function evidence(serial: string, stdout: string, stderr: string): string {
  const parts = Object.entries({
    'serial line': serial,
    'standard output': stdout,
    'standard error': stderr,
  });
  return parts
    .filter(([, said]) => said.trim() !== '')
    .map(([name, said]) => `--- ${name}\n${said.trimEnd().slice(-3000)}`)
    .join('\n');
}
