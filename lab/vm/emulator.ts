/**
 * One run of qemu, from its start to its end.
 *
 * Contract: resolves when qemu is gone, whatever the reason: the guest switched off, stopped with a panic, or the
 * time was over (then it is killed by its process id). The kernel kills it too if this process dies first. Rejects
 * only if qemu cannot be started.
 */
import { spawn } from 'node:child_process';
import { spawnFailure } from './program.ts';

export type EmulatedMachine = {
  readonly image: string;
  readonly initrd: string;
  /** Directories of this machine that the guest can mount by 9p, by name. */
  readonly shares: Readonly<Record<string, { readonly path: string; readonly writable: boolean }>>;
  readonly memoryMb: number;
  readonly timeoutMillis: number;
};

export type EmulatorEnd = {
  readonly serial: string;
  readonly complaint: string;
  /** Exit status or signal. */
  readonly exit: number | string;
  readonly timedOut: boolean;
  readonly timeoutMillis: number;
};

const program = 'qemu-system-x86_64';

export function runEmulator(machine: EmulatedMachine): Promise<EmulatorEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<EmulatorEnd>();
  // setpriv becomes qemu (same process id) and asks the kernel to kill it when its parent dies.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...emulatorArguments(machine)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const serial: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => serial.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, machine.timeoutMillis);
  child.on('error', (error: NodeJS.ErrnoException) => {
    clearTimeout(timer);
    reject(spawnFailure('setpriv', error));
  });
  child.on('close', (status, signal) => {
    clearTimeout(timer);
    const complaint = Buffer.concat(complaints).toString().trim();
    // setpriv's own exit status for a program that it did not find.
    if (status === 127)
      reject(spawnFailure(program, Object.assign(new Error(complaint), { code: 'ENOENT' })));
    const { timeoutMillis } = machine;
    const exit = status ?? signal ?? 'unknown';
    resolve({ serial: Buffer.concat(serial).toString(), complaint, exit, timedOut, timeoutMillis });
  });
  return promise;
}

/** `-cpu max` brings AES and AVX2, without which Node.js's libcrypto takes paths that nobody else runs. */
function emulatorArguments(machine: EmulatedMachine): string[] {
  const kernelArguments =
    'console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr random.trust_cpu=on';
  return [
    ...['-machine', 'q35,usb=off', '-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off', '-smp', '2'],
    ...['-m', String(machine.memoryMb), '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', machine.image, '-initrd', machine.initrd, '-append', kernelArguments],
    ...Object.entries(machine.shares).flatMap(([tag, { path, writable }]) => [
      '-virtfs',
      `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${writable ? '' : ',readonly=on'}`,
    ]),
  ];
}
