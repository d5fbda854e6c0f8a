/** Sends UDP datagrams of 1000 bytes to an address, at a rate, until it is ended. Arguments: address, Mbit/s. */
import { createSocket } from 'node:dgram';

const TICK_MILLIS = 5;
const [address = '', rate = ''] = process.argv.slice(2);
const payload = Buffer.alloc(1_000);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const begunAt = performance.now();
let sent = 0;

setInterval(() => {
  const due = ((performance.now() - begunAt) * Number(rate) * 1_000) / 8 / payload.length;
  for (; sent < due; sent++) socket.send(payload, 9, address);
}, TICK_MILLIS);
