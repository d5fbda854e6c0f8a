/**
 * A network namespace of its own for the calling thread: nothing done in it is seen by the machine, and nothing is left of it when
 * the thread ends.
 *
 * Contract: there is no way back, so the thread must be made for the purpose. Programs that it starts and sockets that it
 * opens are in the namespace; the asynchronous file functions of Node.js work in other threads and are not.
 * Source: unshare(2), network_namespaces(7).
 */
import { BackstayError } from '../errors.ts';
import { bind, errno, errnoName } from './ffi.ts';

const unshare = bind<(flags: number) => number>('int unshare(int flags)');
const CLONE_NEWNET = 0x4000_0000;

/** @throws BackstayError BS_PRIVILEGE_MISSING (it takes CAP_SYS_ADMIN) */
export function enterPrivateNetwork(): void {
  if (unshare(CLONE_NEWNET) === 0) return;
  throw new BackstayError('BS_PRIVILEGE_MISSING', `No network namespace (${errnoName(errno())}).`);
}
