/**
 * The configuration that does what the old dial backup utility did.
 *
 * Contract: pure; the text is YAML in which everything is quoted that could be read as something else. The password is not in it.
 * Source: S1.10; docs/link-probes.md has what each setting of the old file becomes.
 */

import type { Polling, Provider } from './dialbkup.ts';

export type Places = {
  /** Names of interfaces. */
  readonly primary: string;
  readonly private: string;
  /** Of the modem. */
  readonly device: string;
  readonly passwordFile: string;
  /** The files that it was made of. */
  readonly sources: readonly string[];
};

export function dialbkupYaml(polling: Polling, provider: Omit<Provider, 'password'>, places: Places): string {
  const { delaySeconds, addresses, retry, frequency } = polling;
  const [first, second] = addresses;
  return `# Made by \`backstay import dialbkup\` of ${places.sources.map(comment).join(' and ')}.
gateway:
  name: branch
  # Made by \`backstay keygen\`.
  identity: /etc/backstay/identity.pem

links:
  primary:
    interface: ${quoted(places.primary)}
    probe:
      targets:
        - icmp: ${first} # Idaddr1
        - icmp: ${second} # Idaddr2
      rule: all
      count: ${frequency} # Frequency
      answers: ${frequency} # all of them, as before
      interval: ${delaySeconds}s # Delay
      retries: ${retry} # Retry
  modem:
    interface: ppp0
    use: on-demand
    on-demand:
      ppp:
        device: ${quoted(places.device)}
        phone: ${quoted(provider.telephone)} # TELEPHONE
        account: ${quoted(provider.account)} # ACCOUNT
        password-file: ${quoted(places.passwordFile)}

# The internet traffic of the private network behind ${comment(places.private)} leaves by the primary link, and by the modem when that is down.
internet:
  links:
    primary: { tier: 1 }
    modem: { tier: 2 }

# The old files do not say which tunnels there are. For each remote site, in place of \`nfroute\`:
# tunnels:
#   head-office:
#     peer:
#       fingerprint: SHA256:...   # what \`backstay fingerprint\` prints there
#       addresses: [198.51.100.1]
#     networks: [10.1.0.0/16]     # behind the peer
`;
}

/** A string of YAML in double quotes is one of JSON, whose further escapes YAML has as well. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function comment(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
