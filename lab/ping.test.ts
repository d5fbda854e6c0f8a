import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, readPing } from './ping.ts';

const output = `PING 10.2.0.2 (10.2.0.2) 56(84) bytes of data.
64 bytes from 10.2.0.2: icmp_seq=1 ttl=62 time=20.9 ms
64 bytes from 10.2.0.2: icmp_seq=2 ttl=62 time=20.3 ms
64 bytes from 10.2.0.2: icmp_seq=2 ttl=62 time=20.4 ms (DUP!)
From 10.1.0.1 icmp_seq=4 Destination Host Unreachable
64 bytes from 10.2.0.2: icmp_seq=6 ttl=62 time=1000 ms

--- 10.2.0.2 ping statistics ---
8 packets transmitted, 3 received, +1 duplicates, +1 errors, 62% packet loss, time 905ms
rtt min/avg/max/mdev = 20.242/22.809/40.888/6.081 ms
`;

describe('ping', () => {
  it('is read as replies, loss and the longest outage', () => {
    const result = readPing(output, 50);
    assert.equal(result.sent, 8);
    assert.equal(result.received, 3);
    assert.equal(result.lossPercent, 62.5);
    assert.deepEqual(
      result.replies.map(({ sequence }) => sequence),
      [1, 2, 6],
    );
    assert.equal(result.medianMillis, 20.9);
    assert.equal(result.longestOutageMillis, 150);
  });

  it('leaves out the last ones, which only gave the others time', () => {
    const { sent, received, longestOutageMillis } = readPing(output, 50, 3);
    assert.deepEqual([sent, received, longestOutageMillis], [5, 2, 150]);
  });

  it('says so when ping could not run', () => {
    assert.throws(() => readPing('ping: connect: Network is unreachable', 50), /unreachable/);
  });

  it('has a median for even and odd numbers of values', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.ok(Number.isNaN(median([])));
  });
});
