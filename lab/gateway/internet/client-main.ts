/**
 * Keeps a connection to the server and sends a line every 100 ms; prints each answer with its number, and the connection's end.
 * Arguments: address, port, how many answers are enough (default: all), and its own address.
 */
import { connect } from 'node:net';

const [address = '', port = '', enough = '', source = ''] = process.argv.slice(2);
const socket = connect({ host: address, port: Number(port), ...(source !== '' && { localAddress: source }) });
let count = 0;
const timer = setInterval(() => socket.write('x'), 100);
socket.setNoDelay(true).on('connect', () => socket.write('x'));
socket.setEncoding('utf8').on('data', (text: string) => {
  for (const from of text.trim().split('\n')) console.log(`${++count} ${from}`);
  if (count >= Number(enough || Number.POSITIVE_INFINITY)) socket.end();
});
socket.on('error', (error: NodeJS.ErrnoException) => console.log(`error ${error.code}`));
socket.on('close', () => {
  clearInterval(timer);
  console.log('closed');
});
