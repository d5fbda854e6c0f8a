/** Servers for a link's probes to ask: TCP, HTTP and DNS on the ports given, until it is told to stop. */
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const [tcpPort, httpPort, dnsPort] = process.argv.slice(2).map(Number);
const tcp = createServer((socket) => socket.on('error', () => {}).end());
const http = createHttpServer((request, answer) =>
  answer.writeHead(request.url === '/alive' ? 204 : 503).end(),
);
const dns = createSocket('udp6');
dns.on('message', (question, { port, address }) => {
  // The question as it came, as a response that there is no such name.
  const answer = Buffer.from(question);
  answer.writeUInt16BE(0x8183, 2);
  dns.send(answer, port, address);
});
tcp.listen(tcpPort, '::', () =>
  http.listen(httpPort, '::', () => dns.bind(dnsPort, '::', () => console.log('listening'))),
);
