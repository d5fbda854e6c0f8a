/**
 * What a journal entry is about. A subject carries the names that the operator gave in the configuration, so that
 * an entry can be read without knowing the daemon's inner numbers.
 */

export type GatewaySubject = { readonly type: 'gateway'; readonly name: string };
export type LinkSubject = { readonly type: 'link'; readonly name: string };
export type TunnelSubject = { readonly type: 'tunnel'; readonly name: string };
export type PathSubject = {
  readonly type: 'path';
  readonly tunnel: string;
  readonly id: number;
  /** The local link that the path leaves by. */
  readonly link: string;
};
/** Somebody outside; `tunnel` is there as soon as it is known which tunnel he means. */
export type PeerSubject = { readonly type: 'peer'; readonly address: string; readonly tunnel?: string };

export type Subject = GatewaySubject | LinkSubject | TunnelSubject | PathSubject | PeerSubject;

/** The subject as it stands at the start of a sentence, without an article: `Path 2 of head-office over lte`. */
export function nameSubject(subject: Subject): string {
  switch (subject.type) {
    case 'gateway':
      return `Gateway ${subject.name}`;
    case 'link':
      return `Link ${subject.name}`;
    case 'tunnel':
      return `Tunnel ${subject.name}`;
    case 'path':
      return `Path ${subject.id} of ${subject.tunnel} over ${subject.link}`;
    case 'peer':
      return subject.tunnel === undefined
        ? `Peer ${subject.address}`
        : `Peer ${subject.address} of ${subject.tunnel}`;
  }
}

/** A text that is equal for equal subjects only. */
export function subjectKey(subject: Subject): string {
  switch (subject.type) {
    case 'path':
      return `path/${subject.tunnel}/${subject.id}/${subject.link}`;
    case 'peer':
      return `peer/${subject.address}/${subject.tunnel ?? ''}`;
    default:
      return `${subject.type}/${subject.name}`;
  }
}
