import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePrefix } from './ip-address.ts';
import { trafficScript } from './traffic-counters.ts';

const networks = (...texts: string[]) => texts.map((text) => parsePrefix(text)!);
const port = (first: number, last = first) => ({ first, last });

function rules(traffic: Parameters<typeof trafficScript>[0][number]['traffic']): string[] {
  const script = trafficScript([{ id: 0, device: 'bs-office', traffic }]);
  return script.split('\n').flatMap((line) => (/^ {4}[oi]ifname/.test(line) ? [line.trim()] : []));
}

describe('the table that counts chosen traffic', () => {
  it('has two counters for each tunnel, and what is received with the sides changed', () => {
    const to = networks('10.1.5.0/24', '10.1.6.0/24', 'fd00:1:5::/64');
    const voice = {
      id: 3,
      device: 'bs-office',
      traffic: [{ protocol: 'udp', to, ports: [port(5060), port(9000, 9100)] }],
    } as const;
    assert.equal(
      trafficScript([voice]),
      `table inet backstay-demand
delete table inet backstay-demand
table inet backstay-demand {
  counter sent_3 { }
  counter received_3 { }
  chain sent {
    type filter hook postrouting priority srcnat - 10; policy accept;
    oifname "bs-office" ip daddr { 10.1.5.0/24, 10.1.6.0/24 } meta l4proto udp meta l4proto { tcp, udp } th dport { 5060, 9000-9100 } counter name sent_3 accept
    oifname "bs-office" ip6 daddr { fd00:1:5::/64 } meta l4proto udp meta l4proto { tcp, udp } th dport { 5060, 9000-9100 } counter name sent_3 accept
  }
  chain received {
    type filter hook prerouting priority dstnat + 10; policy accept;
    iifname "bs-office" ip saddr { 10.1.5.0/24, 10.1.6.0/24 } meta l4proto udp meta l4proto { tcp, udp } th sport { 5060, 9000-9100 } counter name received_3 accept
    iifname "bs-office" ip6 saddr { fd00:1:5::/64 } meta l4proto udp meta l4proto { tcp, udp } th sport { 5060, 9000-9100 } counter name received_3 accept
  }
}
`,
    );
  });

  it('is not there without tunnels', () => {
    assert.equal(trafficScript([]), 'table inet backstay-demand\ndelete table inet backstay-demand\n');
  });

  it('has one rule for both families where an entry names no network, and none for one that it does not name', () => {
    assert.deepEqual(
      rules([{ protocol: 'icmp' }])[0],
      'oifname "bs-office" meta l4proto { icmp, ipv6-icmp } counter name sent_0 accept',
    );
    assert.deepEqual(rules([{}]), [
      'oifname "bs-office" counter name sent_0 accept',
      'iifname "bs-office" counter name received_0 accept',
    ]);
    assert.deepEqual(rules([{ from: networks('10.0.0.0/8') }]).length, 2);
    assert.deepEqual(rules([{ from: networks('10.0.0.0/8', 'fd00::/8'), to: networks('fd00:1::/64') }]), [
      'oifname "bs-office" ip6 saddr { fd00::/8 } ip6 daddr { fd00:1::/64 } counter name sent_0 accept',
      'iifname "bs-office" ip6 daddr { fd00::/8 } ip6 saddr { fd00:1::/64 } counter name received_0 accept',
    ]);
  });

  it('names nothing twice, as nftables refuses overlaps', () => {
    const [sent] = rules([
      {
        to: networks('10.1.0.0/16', '10.1.2.0/24', '10.0.0.0/8', '10.0.0.0/8'),
        ports: [port(90), port(80, 85), port(84, 89), port(443)],
      },
    ]);
    assert.match(sent ?? '', /daddr \{ 10\.0\.0\.0\/8 \} .* th dport \{ 80-90, 443 \}/);
    assert.match(
      rules([{ to: networks('0.0.0.0/0', '10.0.0.0/8') }])[0] ?? '',
      /"bs-office" meta nfproto ipv4 counter/,
    );
  });
});
