/**
 * One direction of a TCP connection as a capture shows it: the bundle messages in it, or that it is TLS.
 *
 * Contract: takes the pieces as they were captured. What was sent again is not read twice. Where the capture lacks bytes the
 * stream is taken up again at a piece that begins with the marker of a message; that bytes are missing is told once.
 * Holds one unfinished message at the most.
 */
import { bundleMarker, type HeaderProblem } from '../control/bundle-header.ts';
import { Deframer, type Frame } from '../control/deframer.ts';

export type StreamFind =
  | { readonly kind: 'message'; readonly frame: Frame }
  | { readonly kind: 'badHeader'; readonly problem: HeaderProblem }
  /** The control channel's, most likely: what follows is encrypted. */
  | { readonly kind: 'tls' }
  | { readonly kind: 'bytesMissing' };

type Piece = { readonly sequence: number; readonly isSyn: boolean; readonly payload: Uint8Array };

/** First byte of a TLS handshake record (RFC 8446, 5.1), and of a bundle message. */
const tlsHandshake = 0x16;
const markerFirst = bundleMarker >>> 24;

export class BundleStream {
  /** Undefined before the first piece. */
  #nextSequence: number | undefined;
  #reading: 'nothing yet' | 'messages' | 'other' = 'nothing yet';
  #deframer = new Deframer();

  take({ sequence, isSyn, payload }: Piece): StreamFind[] {
    if (isSyn) {
      this.#nextSequence = (sequence + 1) >>> 0;
      this.#reading = 'nothing yet';
      this.#deframer = new Deframer();
      return [];
    }
    if (payload.length === 0) return [];
    const ahead = (sequence - (this.#nextSequence ?? sequence)) | 0;
    const fresh = ahead < 0 ? payload.subarray(-ahead) : payload;
    if (fresh.length === 0) return [];
    this.#nextSequence = (sequence + payload.length) >>> 0;
    const missing = ahead > 0 ? this.#leap(fresh) : [];
    return [...missing, ...this.#read(fresh)];
  }

  /** Bytes between the last piece and this one were not captured. */
  #leap(fresh: Uint8Array): StreamFind[] {
    const wasReading = this.#reading === 'messages';
    this.#deframer = new Deframer();
    this.#reading = beginsMessage(fresh) ? 'messages' : 'other';
    return wasReading ? [{ kind: 'bytesMissing' }] : [];
  }

  #read(fresh: Uint8Array): StreamFind[] {
    if (this.#reading === 'nothing yet') {
      if (fresh[0] === tlsHandshake) {
        this.#reading = 'other';
        return [{ kind: 'tls' }];
      }
      this.#reading = fresh[0] === markerFirst ? 'messages' : 'other';
    } else if (this.#reading === 'other' && beginsMessage(fresh)) {
      this.#reading = 'messages';
      this.#deframer = new Deframer();
    }
    return this.#reading === 'messages' ? this.#cut(fresh) : [];
  }

  #cut(fresh: Uint8Array): StreamFind[] {
    const { frames, problem } = this.#deframer.push(fresh);
    const finds: StreamFind[] = frames.map((frame) => ({ kind: 'message', frame }));
    if (problem === undefined) return finds;
    this.#reading = 'other';
    return [...finds, { kind: 'badHeader', problem }];
  }
}

function beginsMessage(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === bundleMarker;
}
