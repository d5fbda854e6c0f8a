/**
 * Somebody who says what he was told to on TCP, whatever he hears, a process inside a namespace:
 * `scripted-peer-main.ts call ADDRESS PORT SOURCE HEX...` or `scripted-peer-main.ts answer PORT HEX...`.
 *
 * A caller sends one after the other with a pause between, and prints in hexadecimal what he heard when the connection has
 * ended. An answerer says "listening", and then answers the first bytes of each connection with the first, and so on.
 */
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** For the other side to answer; the laboratory's lines are shorter. */
const PAUSE_MILLIS = 300;

const [role, ...rest] = process.argv.slice(2);
if (role === 'call') await call(rest);
else answer(rest);

async function call([host = '', port = '', localAddress = '', ...texts]: readonly string[]): Promise<void> {
  const socket = connect({ host, port: Number(port), localAddress });
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk)).on('error', () => {});
  socket.once('close', () => {
    process.stdout.write(`heard ${Buffer.concat(heard).toString('hex')}\n`, () => process.exit(0));
  });
  for (const text of texts) {
    socket.write(Buffer.from(text, 'hex'));
    await sleep(PAUSE_MILLIS);
  }
}

function answer([port = '', ...texts]: readonly string[]): void {
  const server = createServer((socket) => answerEach(socket, [...texts]));
  server.listen(Number(port), '::', () => process.stdout.write('listening\n'));
}

function answerEach(socket: Socket, texts: string[]): void {
  socket.on('error', () => {});
  socket.on('data', () => {
    const text = texts.shift();
    if (text !== undefined) socket.write(Buffer.from(text, 'hex'));
  });
}
