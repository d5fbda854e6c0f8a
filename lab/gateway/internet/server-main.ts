/** Says to whoever connects from which address he came, for each line that he sends. Argument: port. */
import { createServer } from 'node:net';

const server = createServer((socket) => {
  socket.on('data', () => socket.write(`${socket.remoteAddress}\n`));
  socket.on('error', () => {});
});
server.listen(Number(process.argv[2]), '::', () => console.log('listening'));
