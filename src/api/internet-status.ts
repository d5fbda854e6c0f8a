/** What the status document says about plain traffic to the internet, of gateways with `internet`; as in `status.ts`. */

export type InternetStatus = {
  /** One for each family that a link carries. */
  readonly families: readonly InternetFamilyStatus[];
  /** The link that the operator has chosen with `backstay link use`. */
  readonly chosen?: string;
};

export type InternetFamilyStatus = {
  readonly family: 4 | 6;
  readonly carriers: readonly InternetCarrierStatus[];
  /** Of new connections that go over these links first. */
  readonly canary?: { readonly share: number; readonly links: readonly string[] };
  readonly since?: string;
  /** Why these, in words. */
  readonly reason: string;
  /** No link works; who carries is kept. */
  readonly isLost: boolean;
};

export type InternetCarrierStatus = {
  readonly link: string;
  readonly tier: number;
  /** 0 to 1: of new connections. */
  readonly share: number;
};

/** What the API needs of the daemon. */
export type InternetSource = {
  /** @throws BackstayError BS_LINK_UNKNOWN, BS_INTERNET_NONE, BS_INTERNET_LINK_UNUSABLE */
  useLink(name: string): void;
  /** @throws BackstayError BS_INTERNET_NONE */
  releaseLink(): void;
};
