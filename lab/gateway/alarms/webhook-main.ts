/** A web server for alarms: `webhook-main PORT answers|swallows`. Each body that it takes becomes a line. */
import { createServer } from 'node:http';

const [port, mode] = process.argv.slice(2);
createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (mode === 'swallows') return;
  process.stdout.write(`${body}\n`);
  response.writeHead(204).end();
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'));
