/**
 * Real ESP datagrams of a tunnel, as somebody on the way sees them.
 *
 * Contract: captured on the link while host A sends echoes of several sizes, one packet at a time, so that every
 * datagram is seen as it is on the wire. The gateway has accepted all of them.
 */
import { readFileSync } from 'node:fs';
import { hostInside } from '../addressing.ts';
import { Capture } from '../capture.ts';
import { ping } from '../ping.ts';
import type { Sites } from '../sites.ts';
import { udpPayloads } from './pcap.ts';

const ECHO_SIZES = [16, 300, 700, 1300];
const ECHOES_EACH = 100;
/** SPI, sequence number, IV and tag. */
const SHORTEST_ESP = 32;

/** @param file for the capture; the caller removes it */
export async function captureRealDatagrams(sites: Sites, file: string): Promise<Uint8Array[]> {
  const { a, b } = sites.link(0).plan;
  const capture = await Capture.start(sites.gatewayA, {
    interfaceName: a.interfaceName,
    file,
    filter: `udp and src host ${a.address.v4} and dst host ${b.address.v4}`,
  });
  for (const payloadBytes of ECHO_SIZES) {
    const echoes = { address: hostInside('b').v4, intervalMillis: 5, payloadBytes };
    const { received } = await ping(sites.hostA, ECHOES_EACH, echoes);
    if (received === 0) throw new Error('the tunnel carries no echoes');
  }
  await capture.stop();
  return udpPayloads(readFileSync(file)).filter(({ length }) => length >= SHORTEST_ESP);
}
