/** The configuration of a simulated gateway, through the product's own reader: with its defaults, and refused where it would be. */
import { stringify } from 'yaml';
import { type Config, checkConfig, formatMistake } from '../../src/config/index.ts';
import type { FailoverHistory, FailoverLink, FailoverSettings } from './failover-history.ts';

/** Whoever is asked by the probes; also where plain connections go. */
const targets = ['203.0.113.1', '203.0.113.2'];

export function failoverConfig({ links, settings }: Pick<FailoverHistory, 'links' | 'settings'>): Config {
  const text = stringify({
    gateway: { name: 'office', identity: '/etc/backstay/identity.pem', forwarding: true },
    links: Object.fromEntries(
      links.map((link, index) => [link.name, linkSection(link, `wan${index}`, settings)]),
    ),
    tunnels: {
      'head-office': {
        peer: { fingerprint: `SHA256:${'A'.repeat(43)}`, addresses: ['198.51.100.1'] },
        interface: 'bs0',
        address: ['10.255.0.1/30'],
        networks: ['10.2.0.0/16'],
        links: links.map(({ name }) => name),
        ...(links.some(({ isOnDemand }) => isOnDemand) && { demand: { outage: '5s', 'below-for': '20s' } }),
      },
    },
    internet: {
      links: Object.fromEntries(links.map(({ name, tier, weight }) => [name, { tier, weight }])),
      masquerade: ['10.1.0.0/16'],
      hold: `${settings.holdSeconds}s`,
      ...(settings.canary && {
        canary: { share: `${settings.canary.sharePercent}%`, for: `${settings.canary.forSeconds}s` },
      }),
    },
  });
  const checked = checkConfig(text, 'simulated.yaml');
  if (checked.ok) return checked.config;
  throw new Error(`${checked.mistakes.map(formatMistake).join('\n')}\n${text}`);
}

function linkSection({ isOnDemand }: FailoverLink, device: string, settings: FailoverSettings): object {
  const { probe, keepaliveMillis } = settings;
  return {
    interface: device,
    keepalive: `${keepaliveMillis}ms`,
    probe: {
      targets: targets.map((icmp) => ({ icmp })),
      count: probe.count,
      interval: `${probe.intervalMillis}ms`,
      retries: probe.retries,
      hold: `${probe.holdSeconds}s`,
      'hold-most': `${probe.holdMostSeconds}s`,
      calm: `${probe.calmSeconds}s`,
    },
    ...(isOnDemand && {
      use: 'on-demand',
      'on-demand': {
        'up-command': ['/bin/true'],
        'down-command': ['/bin/true'],
        within: '40s',
        hold: '20s',
        retry: '5s',
      },
    }),
  };
}
