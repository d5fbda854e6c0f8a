/**
 * One run of qemu, from its start to its end.
 *
 * Contract: resolves when qemu is gone, whatever the reason: the guest switched off, stopped with a panic, or the
 * time was over (then it is killed by its process id). The kernel kills it too if this process dies first.
 */
import { Child } from '../child.ts';

export type EmulatedMachine = {
  readonly image: string;
  readonly initrd: string;
  /** Directories of this machine that the guest can mount by 9p, by name. */
  readonly shares: Readonly<Record<string, { readonly path: string; readonly writable: boolean }>>;
  readonly memoryMb: number;
  readonly timeoutMillis: number;
};

export type EmulatorEnd = {
  /** What came over the serial line, and what qemu itself complained of. */
  readonly serial: string;
  readonly exit: number | string;
  readonly timedOut: boolean;
  readonly timeoutMillis: number;
};

export async function runEmulator(machine: EmulatedMachine): Promise<EmulatorEnd> {
  // setpriv becomes qemu (same process id) and asks the kernel to kill it when its parent dies.
  const wrapper = ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64'];
  const qemu = await Child.start('setpriv', [...wrapper, ...emulatorArguments(machine)]);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    qemu.killNow();
  }, machine.timeoutMillis);
  const { status, signal } = await qemu.exited;
  clearTimeout(timer);
  const { timeoutMillis } = machine;
  return { serial: qemu.output, exit: status ?? signal ?? 'unknown', timedOut, timeoutMillis };
}

/** `-cpu max` brings AES and AVX2, without which Node.js's libcrypto takes paths that nobody else runs. */
function emulatorArguments(machine: EmulatedMachine): string[] {
  const kernelArguments =
    'console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr random.trust_cpu=on cryptomgr.notests=1';
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
