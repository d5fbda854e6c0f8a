/**
 * Reads a capture of ESP in UDP the way an outsider does: tshark decrypts and dissects it with the keys.
 *
 * Contract: `dissect` resolves to the ESP packets of the given associations, in the order of the capture, and to
 * complaints: what tshark calls malformed or an error, at any layer inside or outside, and every packet that the
 * reference implementation refuses. The tags are judged by the reference, because tshark 4.0 knows no extended
 * sequence numbers and would find each of them wrong. Packets of other SPIs are not looked at.
 */
import { run } from './command.ts';
import { type EspKeys, type OpenedEsp, openEsp } from './esp-reference.ts';

/** `lastSequence`: the number before the first one in the capture, 0 when absent (only its upper half matters). */
export type DissectKeys = EspKeys & { readonly lastSequence?: bigint };

export type DissectedPacket = {
  /** As tshark numbers the frames, from 1. */
  readonly frame: number;
  /** The names of all layers, as in `eth:ethertype:ip:udp:udpencap:esp:ip:icmp:data`. */
  readonly layers: string;
  readonly spi: number;
  readonly opened: OpenedEsp;
};

export type Dissection = {
  readonly packets: readonly DissectedPacket[];
  readonly complaints: readonly string[];
};

const fields = [
  ...['frame.number', 'frame.protocols', 'esp.spi', 'udp.payload', 'esp.decrypted_data'],
  ...['_ws.expert.severity', '_ws.expert.message', '_ws.malformed'],
] as const;

/** PI_ERROR of Wireshark's expert information; warnings are about the course of a conversation, not about form. */
const errorSeverity = 0x80_0000;
/** Separates several values of one field; the text of a message does not contain it. */
const valueSeparator = '\u001f';

export async function dissect(pcapPath: string, keys: readonly DissectKeys[]): Promise<Dissection> {
  const { stdout } = await run('tshark', tsharkArguments(pcapPath, keys));
  const latest = new Map(keys.map((key) => [key.spi, { key, near: key.lastSequence ?? 0n }]));
  const packets: DissectedPacket[] = [];
  const complaints: string[] = [];
  for (const line of stdout.split('\n')) {
    const columns = line.split('\t').map((column) => column.split(valueSeparator).filter(Boolean));
    const [[frame] = [], [layers] = [], [spi] = [], [payload] = [], decrypted] = columns;
    if (frame === undefined || spi === undefined || payload === undefined) continue;
    const association = latest.get(Number(spi));
    if (association === undefined) continue;
    const opened = openEsp(association.key, Buffer.from(payload, 'hex'), association.near);
    if (opened.valid) association.near = opened.sequence;
    packets.push({ frame: Number(frame), layers: layers ?? '', spi: Number(spi), opened });
    const found = [...(opened.valid ? [] : [opened.reason]), ...tsharkComplaints(columns)];
    if (decrypted?.length === 0) found.push('tshark did not decrypt it');
    complaints.push(...found.map((text) => `frame ${frame} (${layers}): ${text}`));
  }
  return { packets, complaints };
}

function tsharkArguments(pcapPath: string, keys: readonly DissectKeys[]): string[] {
  const preferences = [
    'esp.enable_encryption_decode:TRUE',
    'esp.enable_authentication_check:FALSE',
    // Packets of one association may take several ways and are out of order then.
    'esp.do_esp_sequence_analysis:FALSE',
    ...keys.flatMap((key) => [securityAssociation('IPv4', key), securityAssociation('IPv6', key)]),
  ];
  return [
    ...['-n', '-r', pcapPath, '-Y', 'esp', '-T', 'fields'],
    ...['-E', 'separator=/t', '-E', 'occurrence=a', '-E', `aggregator=${valueSeparator}`],
    ...preferences.flatMap((preference) => ['-o', preference]),
    ...fields.flatMap((field) => ['-e', field]),
  ];
}

/** A row of tshark's table `esp_sa`; with AES-GCM the authentication must be NULL, the tag belongs to the cipher. */
function securityAssociation(version: 'IPv4' | 'IPv6', { spi, key, salt }: EspKeys): string {
  const cipher = 'AES-GCM with 16 octet ICV [RFC4106]';
  const secret = `0x${key.toString('hex')}${salt.toString('hex')}`;
  const row = [version, '*', '*', `0x${spi.toString(16).padStart(8, '0')}`, cipher, secret, 'NULL', ''];
  return `uat:esp_sa:${row.map((value) => `"${value}"`).join(',')}`;
}

function tsharkComplaints(columns: readonly string[][]): string[] {
  const [severities = [], messages = [], malformed = []] = columns.slice(
    fields.indexOf('_ws.expert.severity'),
  );
  const errors = severities.flatMap((severity, i) =>
    Number(severity) >= errorSeverity ? [messages[i] ?? 'an error without a message'] : [],
  );
  return errors.length === 0 && malformed.length > 0 ? ['malformed'] : errors;
}
