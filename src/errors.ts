/**
 * The errors that an operator can meet, each with a stable code.
 *
 * Contract: a thrown, expected failure is a `BackstayError`; its code is in `errorCatalogue`, which the reference
 * documentation is generated from. Codes are never renamed or reused. `place` says where (a file and line, an
 * interface, a peer), `hint` what to do when the catalogue's general remedy can be made more precise.
 */

/** sysexits-like exit statuses of the commands. */
export const exitStatus = { failure: 1, usage: 2, configuration: 3, privilege: 4, unavailable: 5 } as const;

export type ErrorCode = keyof typeof errorCatalogue;

type CatalogueEntry = { readonly summary: string; readonly remedy: string; readonly exitStatus: number };

export const errorCatalogue = {
  BS_ADDRESS_IN_USE: {
    summary: 'Another program already listens on the address and port.',
    remedy: 'Stop that program (`ss -lntup` shows it) or give the link another port.',
    exitStatus: exitStatus.unavailable,
  },
  BS_ADDRESS_UNAVAILABLE: {
    summary: 'The address to listen on or to connect from is not an address of this machine.',
    remedy: 'Give the link an address that its interface has, or wait until the interface has it.',
    exitStatus: exitStatus.unavailable,
  },
  BS_ALREADY_RUNNING: {
    summary: 'Another daemon answers on the control socket.',
    remedy: 'Stop it first, or give this one its own `gateway.socket` and `gateway.state`.',
    exitStatus: exitStatus.failure,
  },
  BS_API_BAD_REQUEST: {
    summary: 'A request to the control socket has a value that is not allowed.',
    remedy: 'Correct the value that is named; docs/api.md has the allowed ones.',
    exitStatus: exitStatus.usage,
  },
  BS_API_NOT_FOUND: {
    summary: 'The control socket has nothing at the address that was asked for.',
    remedy: 'Use commands and daemon of the same version.',
    exitStatus: exitStatus.failure,
  },
  BS_DAEMON_UNREACHABLE: {
    summary: 'The daemon does not answer on its control socket.',
    remedy:
      'Start it (`systemctl start backstay`, or `backstay run --config FILE`), or name its socket with --socket.',
    exitStatus: exitStatus.unavailable,
  },
  BS_IDENTITY_EXISTS: {
    summary: 'An identity file is already in the place where a new one was to be made.',
    remedy:
      'Move the file away if a new identity is really wanted; every peer then needs the new fingerprint.',
    exitStatus: exitStatus.failure,
  },
  BS_IDENTITY_EXPOSED: {
    summary: 'Other users of the machine can reach the private key.',
    remedy: 'Run `chmod 600` on the file; if someone may have read it, make a new identity.',
    exitStatus: exitStatus.configuration,
  },
  BS_IDENTITY_INVALID: {
    summary: 'The identity file does not hold a private key and the certificate that belongs to it.',
    remedy: 'Restore the file from a backup, or make a new identity with `backstay keygen`.',
    exitStatus: exitStatus.configuration,
  },
  BS_IDENTITY_MISSING: {
    summary: 'The identity file does not exist.',
    remedy: 'Make one with `backstay keygen`, or correct `gateway.identity`.',
    exitStatus: exitStatus.configuration,
  },
  BS_IDENTITY_UNREADABLE: {
    summary: 'The identity file cannot be opened.',
    remedy: 'Start the program as the user who owns the file.',
    exitStatus: exitStatus.privilege,
  },
  BS_IDENTITY_UNWRITABLE: {
    summary: 'The identity file cannot be written.',
    remedy: 'Give a place that exists, has room and may be written by this user.',
    exitStatus: exitStatus.failure,
  },
  BS_INTERNAL: {
    summary: 'Something happened that the program does not expect.',
    remedy: 'Report it together with the journal; the daemon can be started again.',
    exitStatus: exitStatus.failure,
  },
  BS_PEER_WRONG_KEY: {
    summary: "The machine that answered at a peer's address has another key than the pinned one.",
    remedy:
      'Compare the fingerprint with what `backstay fingerprint` prints on the peer; if the peer has a new identity, change `peer.fingerprint`; otherwise somebody else answers at this address.',
    exitStatus: exitStatus.failure,
  },
  BS_SOCKET_UNUSABLE: {
    summary: 'The control socket cannot be made.',
    remedy: 'Choose another place with `gateway.socket`, or remove what stands in its way.',
    exitStatus: exitStatus.failure,
  },
  BS_USAGE: {
    summary: 'The command line is not understood.',
    remedy: 'See `backstay --help`.',
    exitStatus: exitStatus.usage,
  },
} as const satisfies Record<string, CatalogueEntry>;

export class BackstayError extends Error {
  override readonly name = 'BackstayError';
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly hint: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    detail: { place?: string; hint?: string; cause?: unknown } = {},
  ) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.place = detail.place;
    this.hint = detail.hint;
  }

  /** One line for a terminal or a log: `CODE place: message. What to do.` */
  get line(): string {
    const place = this.place === undefined ? '' : ` ${this.place}:`;
    return `${this.code}${place} ${this.message} ${this.hint ?? errorCatalogue[this.code].remedy}`;
  }
}
