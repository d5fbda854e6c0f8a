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
  BS_INTERNAL: {
    summary: 'Something happened that the program does not expect.',
    remedy: 'Report it together with the journal; the daemon can be started again.',
    exitStatus: exitStatus.failure,
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
