/**
 * A TUN device with offloads: one read brings up to 64 KiB of one flow, one write takes as much.
 *
 * Contract: the device is persistent, so that its addresses and routes outlive a killed daemon; `openTun` attaches to
 * one that is there, `removeTun` takes it away. Every packet carries a virtio header (`tunnel/offload`).
 * Source: Documentation/networking/tuntap.rst of the kernel; linux/if_tun.h.
 */
import { BackstayError } from '../errors.ts';
import { Arena } from './arena.ts';
import { bind, errno, errnoName, errnoValue } from './ffi.ts';
import { closeFd } from './file-descriptor.ts';

const open = bind<(path: string, flags: number) => number>('int open(const char *path, int flags)');
const ioctl = bind<(fd: number, request: number, argument: number) => number>(
  'int ioctl(int fd, uint64_t request, uintptr_t argument)',
);

const O_RDWR_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x4004_54ca;
const TUNSETPERSIST = 0x4004_54cb;
const TUNSETOFFLOAD = 0x4004_54d0;
const TUNSETVNETHDRSZ = 0x4004_54d8;
const IFF_TUN_NO_PI_VNET_HDR = 0x0001 | 0x1000 | 0x4000;
const OFFLOAD_CHECKSUM_TSO = 0x01 | 0x02 | 0x04 | 0x08;
const OFFLOAD_USO = 0x20 | 0x40;
const VIRTIO_HEADER_SIZE = 10;

export type TunDevice = {
  readonly fd: number;
  readonly name: string;
  /** Whether the kernel takes and gives merged UDP packets (6.2 or newer). */
  readonly udpOffload: boolean;
};

/** @throws BackstayError BS_TUN_UNAVAILABLE, BS_PRIVILEGE_MISSING, BS_TUN_BUSY, BS_INTERFACE_FOREIGN, BS_KERNEL_TOO_OLD */
export function openTun(name: string): TunDevice {
  const fd = open('/dev/net/tun', O_RDWR_NONBLOCK_CLOEXEC);
  if (fd < 0) throw tunError(name, 'open /dev/net/tun');
  const scratch = tunScratch();
  scratch.bytes.fill(0, 0, 64);
  scratch.bytes.set(Buffer.from(name, 'latin1').subarray(0, 15));
  scratch.data.setUint16(16, IFF_TUN_NO_PI_VNET_HDR, true);
  if (ioctl(fd, TUNSETIFF, scratch.address) < 0) throw closing(fd, tunError(name, 'TUNSETIFF'));
  scratch.data.setInt32(0, VIRTIO_HEADER_SIZE, true);
  if (ioctl(fd, TUNSETVNETHDRSZ, scratch.address) < 0) throw closing(fd, tunError(name, 'TUNSETVNETHDRSZ'));
  const udpOffload = ioctl(fd, TUNSETOFFLOAD, OFFLOAD_CHECKSUM_TSO | OFFLOAD_USO) === 0;
  if (!udpOffload && ioctl(fd, TUNSETOFFLOAD, OFFLOAD_CHECKSUM_TSO) < 0) {
    throw closing(fd, tunError(name, 'TUNSETOFFLOAD'));
  }
  if (ioctl(fd, TUNSETPERSIST, 1) < 0) throw closing(fd, tunError(name, 'TUNSETPERSIST'));
  return { fd, name, udpOffload };
}

/** Takes the device away, with its addresses and routes. */
export function removeTun(device: TunDevice): void {
  ioctl(device.fd, TUNSETPERSIST, 0);
  closeFd(device.fd);
}

/** Lets go of the device; it stays on the machine for whoever attaches next. */
export function releaseTun(device: TunDevice): void {
  closeFd(device.fd);
}

let scratchArena: Arena | undefined;

function tunScratch(): Arena {
  scratchArena ??= new Arena(4096);
  return scratchArena;
}

function tunError(name: string, step: string): BackstayError {
  const error = errno();
  const detail = `${step} failed (${errnoName(error)}).`;
  if (error === errnoValue.EPERM || error === errnoValue.EACCES) {
    return new BackstayError('BS_PRIVILEGE_MISSING', detail, { place: name });
  }
  if (error === errnoValue.EBUSY) return new BackstayError('BS_TUN_BUSY', detail, { place: name });
  if (error === errnoValue.EINVAL && step === 'TUNSETIFF') {
    const message = `There is an interface ${name} of another kind.`;
    return new BackstayError('BS_INTERFACE_FOREIGN', message, { place: name });
  }
  if (error === errnoValue.ENOTTY && step === 'TUNSETIFF') {
    return new BackstayError('BS_TUN_UNAVAILABLE', '/dev/net/tun is not what it should be.', { place: name });
  }
  if (error === errnoValue.EINVAL || error === errnoValue.ENOTTY) {
    return new BackstayError('BS_KERNEL_TOO_OLD', `Its TUN devices lack ${step}.`, { place: name });
  }
  return new BackstayError('BS_TUN_UNAVAILABLE', detail, { place: name });
}

function closing(fd: number, error: BackstayError): BackstayError {
  closeFd(fd);
  return error;
}
