/**
 * The system log: one datagram to /dev/log for each message, as syslog(3) sends it.
 *
 * Contract: never waits: a log that does not read is an error. Messages are cut to 2,000 bytes. Throws:
 * BS_ALARM_UNDELIVERED. Source: RFC 3164 section 4.1 in the form that glibc, journald and rsyslog have for the local
 * socket (no host name); unix(7).
 */
import { BackstayError } from '../errors.ts';
import { errno, errnoName } from './ffi.ts';
import { closeFd, writeFd } from './file-descriptor.ts';
import { connectRaw, openSocket, SOCK_NONBLOCK_CLOEXEC, socketScratch } from './socket-calls.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
/** rsyslog's and journald's bounds are higher, many collectors behind them stop at 2,048. */
const MOST_BYTES = 2_000;

/** @param priority facility * 8 + severity */
export function sendSyslog(path: string, priority: number, at: Date, text: string): void {
  const line = `<${priority}>${syslogTime(at)} backstay[${process.pid}]: ${text}`;
  const fd = openSocket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw undelivered(path);
  try {
    if (connectRaw(fd, unixAddress(path)) < 0) throw undelivered(path);
    const bytes = Buffer.from(line, 'utf8').subarray(0, MOST_BYTES);
    const scratch = socketScratch();
    scratch.bytes.set(bytes);
    if (writeFd(fd, scratch.address, bytes.length) < 0) throw undelivered(path);
  } finally {
    closeFd(fd);
  }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Local time: what reads the socket takes it for that. */
function syslogTime(at: Date): string {
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()];
  const day = String(at.getDate()).padStart(2, ' ');
  return `${months[at.getMonth()]} ${day} ${clock.map((part) => String(part).padStart(2, '0')).join(':')}`;
}

/** `struct sockaddr_un`; its path has 108 bytes with the closing zero. */
function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(`${path}\0`, 'utf8');
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  return address;
}

function undelivered(path: string): BackstayError {
  return new BackstayError(
    'BS_ALARM_UNDELIVERED',
    `the system log does not take it (${errnoName(errno())})`,
    {
      place: path,
    },
  );
}
