/**
 * What came of a test of the alarms: `POST /v1/alarms/test`.
 *
 * Contract: as the status document's (`status.ts`).
 */

export type AlarmTestDocument = {
  readonly time: string;
  /** In the order of the configuration. */
  readonly results: readonly {
    /** `webhook https://example.org`, `snmp 192.0.2.10:162`, `syslog`, `mail …`, `keepalive-log`. */
    readonly receiver: string;
    readonly tookMillis: number;
    /** What an operator needs to set the receiver up. */
    readonly note?: string;
    /** Absent: the receiver took it, or, for SNMP, which answers nothing, it was sent. */
    readonly error?: { readonly code: string; readonly message: string };
  }[];
};

/** What the API needs of the daemon. Throws BS_ALARM_NO_RECEIVER. */
export type AlarmSource = { testAlarms(): Promise<AlarmTestDocument> };
