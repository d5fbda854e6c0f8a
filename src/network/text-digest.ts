/**
 * A short name for a text: 64 bits as 16 hexadecimal digits.
 *
 * Contract: tells whether a text is the one that was written down earlier, among texts that nobody chose to deceive.
 * Source: FNV-1a (draft-eastlake-fnv) in two lanes of 32 bits, the second with the multiplier of MurmurHash3's finisher.
 */
export function textDigest(text: string): string {
  let one = 0x811c9dc5;
  let other = 0x9e3779b9;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    one = Math.imul(one ^ unit, 0x01000193);
    other = Math.imul(other ^ unit, 0x85ebca6b);
    other ^= other >>> 15;
  }
  return [one, other].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
}
