/**
 * Answers on TCP and UDP ports, a process in a namespace: `answerer-main.ts PORT…`.
 *
 * Contract: listens for both families on every address; each datagram comes back, each connection is taken and closed.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

for (const port of process.argv.slice(2).map(Number)) {
  const server = createServer((socket) => socket.on('error', () => {}).end());
  server.listen({ host: '::', port });
  const echo = createSocket('udp6');
  echo.on('message', (message, { port: from, address }) => echo.send(message, from, address));
  echo.bind(port, '::');
  await Promise.all([once(server, 'listening'), once(echo, 'listening')]);
}
process.stdout.write('listening\n');
