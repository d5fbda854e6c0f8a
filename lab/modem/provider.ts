/**
 * An internet provider with a modem bank of one: a namespace in which a real pppd answers the modem's calls.
 *
 * Contract: it asks for CHAP, gives an address and two name servers, and forwards between its callers and a cable that the
 * test lays. The account goes into the machine's own chap-secrets: for virtual machines only, which forget it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { run } from '../command.ts';
import type { Lab } from '../lab.ts';
import { Namespace } from '../namespace.ts';
import { Modem } from './modem.ts';

export const account = { name: 'branch12', password: 'a "quoted" \\ pass#word' } as const;
export const callerAddress = '10.64.0.2';
export const providerAddress = '10.64.0.1';
export const nameServers = ['192.0.2.53', '192.0.2.54'] as const;

export type Provider = { readonly namespace: Namespace; readonly modem: Modem };

/** @param device where the modem's serial line is to be found */
export async function openProvider(lab: Lab, device: string): Promise<Provider> {
  await mountTerminals();
  mkdirSync('/run/lock', { recursive: true });
  const secret = account.password.replace(/["\\]/g, '\\$&');
  writeFileSync('/etc/ppp/chap-secrets', `${account.name} * "${secret}" *\n`, { mode: 0o600 });
  const namespace = await Namespace.create(lab, 'provider');
  await namespace.enableForwarding();
  const answer = ['pppd', 'notty', 'nodetach', 'auth', 'require-chap', 'name', 'provider', 'noipv6', 'nolog'];
  const given = [
    `${providerAddress}:${callerAddress}`,
    ...nameServers.flatMap((server) => ['ms-dns', server]),
  ];
  const modem = new Modem(device, ['ip', 'netns', 'exec', namespace.name, ...answer, ...given]);
  const close = () => modem.close();
  lab.onRemoval({ gracefully: async () => close(), now: close });
  return { namespace, modem };
}

/** The virtual machine has no pseudo-terminals at the start. */
async function mountTerminals(): Promise<void> {
  mkdirSync('/dev/pts', { recursive: true });
  await run('mount', ['-t', 'devpts', 'devpts', '/dev/pts']);
}
