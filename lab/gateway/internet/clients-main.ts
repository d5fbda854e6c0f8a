/**
 * One connection to the server from each of many addresses, sixteen at a time; prints the address and what the server saw of it, or
 * how it failed. Arguments: address, port, the clients' addresses. An address may be there several times.
 */
import { connect } from 'node:net';

const AT_ONCE = 16;
const PATIENCE_MILLIS = 3_000;

const [address = '', port = '', ...sources] = process.argv.slice(2);

function ask(source: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: Number(port), localAddress: source });
    const end = (text: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(PATIENCE_MILLIS, () => end('no answer'));
    socket.setEncoding('utf8').once('data', (text: string) => end(text.trim()));
    socket.once('error', (error: NodeJS.ErrnoException) => end(`error ${error.code}`));
    socket.once('connect', () => socket.write('x'));
  });
}

async function askAll(): Promise<void> {
  for (let source = sources.shift(); source !== undefined; source = sources.shift())
    console.log(`${source} ${await ask(source)}`);
}

await Promise.all(Array.from({ length: AT_ONCE }, askAll));
