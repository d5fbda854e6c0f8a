/**
 * A second gateway with the key of the first, a process inside a namespace:
 * `second-initiator-main.ts ADDRESS PORT SOURCE IDENTITY FINGERPRINT`.
 *
 * Opens the tunnel as an initiator of its own run would, says "opened", and holds the session until it is stopped.
 */
import { randomBytes } from 'node:crypto';
import { dialControl } from '../../src/linux/control-channel.ts';
import type { Fingerprint } from '../../src/linux/fingerprint.ts';
import { readIdentity } from '../../src/linux/identity.ts';
import { parseEndpoint, parseIpAddress } from '../../src/network/ip-address.ts';
import { createInitiator } from '../../src/tunnel/control/initiator.ts';
import { PathNumbers } from '../../src/tunnel/control/path-numbers.ts';
import type { SessionEvent } from '../../src/tunnel/control/session.ts';

const TICK_MILLIS = 500;

const [address = '', port = '', source = '', identity = '', fingerprint = ''] = process.argv.slice(2);
const remote = parseEndpoint(address, Number(port));
const localAddress = parseIpAddress(source);
if (remote === undefined || localAddress === undefined) throw new Error('no addresses');

const dialled = await dialControl({
  localAddress,
  remote,
  identity: readIdentity(identity),
  pinnedFingerprint: fingerprint as Fingerprint,
  timeoutMillis: 5_000,
});
if (!dialled.ok) throw new Error(dialled.reason);
const { session } = dialled;
const machine = createInitiator({
  tunnelInstance: randomBytes(16),
  generation: 1,
  inboundSpi: 0x1234_5678,
  capabilities: 0,
  innerMtu: 1400,
  links: [],
  dialled: remote,
  pathNumbers: new PathNumbers(),
});
session.onData((bytes) => follow({ type: 'received', bytes: Uint8Array.from(bytes) }));
session.onClose(() => follow({ type: 'closed' }));
setInterval(() => follow({ type: 'tick' }), TICK_MILLIS);
follow({ type: 'connected' });

function follow(event: SessionEvent): void {
  for (const effect of machine.handle(event, performance.now())) {
    if (effect.type === 'send') session.send(effect.bytes);
    if (effect.type === 'tunnelOpened') process.stdout.write('opened\n');
    if (effect.type === 'close')
      process.stdout.write(`ended ${JSON.stringify(effect.end)}\n`, () => process.exit(0));
  }
}
