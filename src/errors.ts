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
  BS_ALARM_NO_RECEIVER: {
    summary: 'The configuration names nobody who is told of alarms.',
    remedy: 'Give it an `alarms` section with a receiver (docs/alarms.md), and start the daemon anew.',
    exitStatus: exitStatus.usage,
  },
  BS_ALARM_UNDELIVERED: {
    summary: 'An alarm could not be handed to a receiver.',
    remedy:
      'The message says why; `backstay alarm test` tries all receivers. What waits is sent when the receiver answers again.',
    exitStatus: exitStatus.failure,
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
  BS_CONFIG_INVALID: {
    summary: 'The configuration has mistakes; nothing was changed.',
    remedy:
      'Correct the places that are named and run `backstay check` again; docs/configuration.md has all settings.',
    exitStatus: exitStatus.configuration,
  },
  BS_CONFIG_UNREADABLE: {
    summary: 'The configuration file cannot be read.',
    remedy: 'Name an existing UTF-8 text file that the user of the daemon may read.',
    exitStatus: exitStatus.configuration,
  },
  BS_CONNTRACK_REFUSED: {
    summary: 'The kernel does not cut off the connections over a link that failed.',
    remedy:
      'Run the daemon with CAP_NET_ADMIN on a kernel with nf_conntrack_netlink; until then such connections end by themselves.',
    exitStatus: exitStatus.failure,
  },
  BS_DAEMON_UNREACHABLE: {
    summary: 'The daemon does not answer on its control socket.',
    remedy:
      'Start it (`systemctl start backstay`, or `backstay run --config FILE`), or name its socket with --socket.',
    exitStatus: exitStatus.unavailable,
  },
  BS_DECODE_FAILED: {
    summary: 'What `backstay decode` was given cannot be read, is cut short or is something else.',
    remedy:
      'Give it a capture in pcap or pcapng, or with --hex one whole message; docs/decode.md has examples.',
    exitStatus: exitStatus.failure,
  },
  BS_DIAL_BUSY: {
    summary: 'The number that was called is busy.',
    remedy:
      'Ask the provider for more numbers when it lasts, or give the dial more `tries` with longer `pause`.',
    exitStatus: exitStatus.failure,
  },
  BS_DIAL_FAILED: {
    summary: 'The up-command of a link on demand failed or took too long.',
    remedy:
      'The message has what the command said; run it by hand. The attempt is repeated, with growing pauses.',
    exitStatus: exitStatus.failure,
  },
  BS_DIAL_NO_ANSWER: {
    summary: 'Nobody answered the call within `answer-within`.',
    remedy:
      'Check the number in `phone`, by calling it by hand if need be; give slow lines more `answer-within`.',
    exitStatus: exitStatus.failure,
  },
  BS_DIAL_NO_CARRIER: {
    summary: 'The call came to no connection between the modems.',
    remedy:
      'Call the number by hand: a modem must answer. Otherwise look at the line, or tell the modem by `init` to connect slower.',
    exitStatus: exitStatus.failure,
  },
  BS_DIAL_NO_DIALTONE: {
    summary: 'The modem hears no dial tone.',
    remedy:
      'Check the line and its plug. Behind a private exchange put `ATX3` into `init`, and what it takes to get an outside line before the number.',
    exitStatus: exitStatus.failure,
  },
  BS_DIAL_NO_LINK: {
    summary: 'A link on demand was dialled well, but did not come up.',
    remedy:
      "See with `ip address` what the link's interface is lacking after the dial; give it more time with `within`.",
    exitStatus: exitStatus.failure,
  },
  BS_HANG_UP_FAILED: {
    summary: 'A link on demand could not be hung up in time; it may still be up.',
    remedy: 'The message has what was seen; hang the link up by hand. It is tried again until it succeeds.',
    exitStatus: exitStatus.failure,
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
  BS_IMPORT_ADDRESS: {
    summary: 'A file to be imported has something else where an IPv4 address must be.',
    remedy:
      'Write the address as four numbers from 0 to 255 with dots between, of a machine that can be asked.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_KEY_MISSING: {
    summary: 'A file to be imported lacks a setting that is needed.',
    remedy: 'Add the setting that is named; docs/import.md has what each file must have.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_KEY_REPEATED: {
    summary: 'A file to be imported has a setting twice.',
    remedy: 'Remove the one that does not hold; which one the old program took is not certain.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_KEY_UNKNOWN: {
    summary: 'A file to be imported has a setting that is not known.',
    remedy: 'Correct its name or remove it; docs/import.md has the settings that there are.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_MISSING: {
    summary: 'A file to be imported does not exist.',
    remedy: 'Name the file with --cfg or --ppp-on.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_NOT_TEXT: {
    summary: 'A file to be imported is not a text file.',
    remedy: 'Look whether it is the right file, and whether it was copied whole.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_NUMBER: {
    summary: 'A file to be imported has something else where a number must be, or one that is out of range.',
    remedy: 'The message has the range; correct the line.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_SHELL: {
    summary: 'A setting of a shell script to be imported is not a plain assignment.',
    remedy:
      "Write it as NAME=value or NAME='value', without variables, commands or other constructs of the shell.",
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_SYNTAX: {
    summary: 'A line of a file to be imported is no setting.',
    remedy: 'Write it as Name=value, or make it a comment with #.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_TOO_LONG: {
    summary: 'A file to be imported, or a value in it, is longer than any that was meant.',
    remedy: 'Look whether it is the right file.',
    exitStatus: exitStatus.configuration,
  },
  BS_IMPORT_UNREADABLE: {
    summary: 'A file to be imported cannot be read.',
    remedy: 'Run the command as a user who may read it.',
    exitStatus: exitStatus.privilege,
  },
  BS_IMPORT_VALUE: {
    summary: 'A file to be imported has a value that cannot be used as it is.',
    remedy: 'The message says what is wrong with it; correct the line.',
    exitStatus: exitStatus.configuration,
  },
  BS_INTERFACE_FOREIGN: {
    summary: "A tunnel's interface has the name of an interface that belongs to something else.",
    remedy: 'Give the tunnel another `interface`, or remove the interface that has its name.',
    exitStatus: exitStatus.configuration,
  },
  BS_INTERFACE_MISSING: {
    summary: 'A network interface that is needed does not exist.',
    remedy:
      '`ip link` shows the interfaces there are; correct the configuration or bring up what makes the interface.',
    exitStatus: exitStatus.unavailable,
  },
  BS_INTERNAL: {
    summary: 'Something happened that the program does not expect.',
    remedy: 'Report it together with the journal; the daemon can be started again.',
    exitStatus: exitStatus.failure,
  },
  BS_KERNEL_TOO_OLD: {
    summary: 'The kernel lacks something that the packet path needs.',
    remedy: 'Use Linux 5.10 or newer; `backstay doctor` tells what else is missing.',
    exitStatus: exitStatus.unavailable,
  },
  BS_INTERNET_LINK_UNUSABLE: {
    summary: 'The link that the internet should go over cannot carry it.',
    remedy: '`backstay link explain NAME` says why; the links that may carry are in `internet.links`.',
    exitStatus: exitStatus.failure,
  },
  BS_INTERNET_NONE: {
    summary: 'The configuration has no section internet.',
    remedy: 'Write down which links carry plain traffic; docs/failover.md says how.',
    exitStatus: exitStatus.usage,
  },
  BS_INTERNET_UNCHANGED: {
    summary:
      'Plain traffic could not be moved to another link; everything is as before, and it is tried again.',
    remedy: 'See which step is named, and whether another program changes the same rules or routes.',
    exitStatus: exitStatus.failure,
  },
  BS_LINK_LOST: {
    summary: 'A link on demand was up, went down by itself, and did not come back in time.',
    remedy: 'Look at the modem or the line; the link is dialled again when it is needed.',
    exitStatus: exitStatus.unavailable,
  },
  BS_LINK_NOT_PROBED: {
    summary: 'A link has no `probe` in the configuration, so nothing was recorded that could be tried.',
    remedy: 'Give the link `probe` with `targets` (docs/link-probes.md), and start the daemon anew.',
    exitStatus: exitStatus.usage,
  },
  BS_LINK_UNKNOWN: {
    summary: 'The running gateway has no link of the name that was given.',
    remedy: '`backstay status` shows its links.',
    exitStatus: exitStatus.usage,
  },
  BS_LINK_UNUSABLE: {
    summary: "A link's socket could not be opened.",
    remedy: 'Check with `ip address` that the interface exists, is up and has the address.',
    exitStatus: exitStatus.unavailable,
  },
  BS_MODEM_ERROR: {
    summary: 'The modem refused a command.',
    remedy: 'The message names the commands: check `init` and `phone` against the modem’s manual.',
    exitStatus: exitStatus.failure,
  },
  BS_MODEM_IN_USE: {
    summary: 'Another program has the serial device of the modem.',
    remedy:
      'The message has its process id: end it, or give the modem to one of the two only. ModemManager and getty are known for it.',
    exitStatus: exitStatus.failure,
  },
  BS_MODEM_MISSING: {
    summary: 'The serial device of the modem is not there, or cannot be opened.',
    remedy:
      'Plug the modem in and switch it on; `ls -l /dev/serial/by-id` shows what there is. Correct `device`.',
    exitStatus: exitStatus.failure,
  },
  BS_MODEM_SILENT: {
    summary: 'The modem does not answer commands.',
    remedy: 'Check that it is switched on, its cable, `device` and `speed`.',
    exitStatus: exitStatus.failure,
  },
  BS_NETWORK_REFUSED: {
    summary: 'The kernel refused an address, a route, a rule or a packet filter.',
    remedy: 'The message says what was refused and why; that part is as it was before, the others work.',
    exitStatus: exitStatus.failure,
  },
  BS_PASSWORD_UNUSABLE: {
    summary: 'The password file of a link cannot be used.',
    remedy:
      'It must hold the password in one line of printable ASCII characters, belong to the user of the daemon, and have mode 0600.',
    exitStatus: exitStatus.failure,
  },
  BS_PEER_REFUSED: {
    summary: 'The peer was reached and does not want to open the tunnel.',
    remedy: "Do what the message says; the peer's journal has its side of it.",
    exitStatus: exitStatus.failure,
  },
  BS_PEER_WRONG_KEY: {
    summary: "The machine that answered at a peer's address has another key than the pinned one.",
    remedy:
      'Compare the fingerprint with what `backstay fingerprint` prints on the peer; if the peer has a new identity, change `peer.fingerprint`; otherwise somebody else answers at this address.',
    exitStatus: exitStatus.failure,
  },
  BS_PPP_DROPPED: {
    summary: 'A line that was dialled broke down.',
    remedy:
      'The message says what was seen. It is dialled again after a pause if it is needed; when it lasts, look at line, modem and provider.',
    exitStatus: exitStatus.failure,
  },
  BS_PPP_FAILED: {
    summary: 'pppd ended for a reason of its own.',
    remedy: 'The message has what it said; more is in `ppp/LINK/log` in the state directory.',
    exitStatus: exitStatus.failure,
  },
  BS_PPP_NOT_INSTALLED: {
    summary: 'The programs pppd and chat are needed to dial, and are not there.',
    remedy: 'Install them: `apt-get install ppp`.',
    exitStatus: exitStatus.failure,
  },
  BS_PPP_NO_KERNEL: {
    summary: 'The kernel has no PPP.',
    remedy:
      'Load it: `modprobe ppp_async`, at every boot by a line `ppp_async` in /etc/modules-load.d/ppp.conf.',
    exitStatus: exitStatus.failure,
  },
  BS_PPP_REFUSED: {
    summary: 'The provider refused the account or its password.',
    remedy:
      'Correct `account` and the password file. The next attempt comes after the longest pause, as providers lock accounts.',
    exitStatus: exitStatus.failure,
  },
  BS_PPP_TIMEOUT: {
    summary: 'The far side answered the call, and did not agree on PPP in time.',
    remedy:
      'The message names what was not agreed upon. Give it more `negotiate-within`, or ask the provider what it expects.',
    exitStatus: exitStatus.failure,
  },
  BS_PRIVILEGE_MISSING: {
    summary: 'The program may not do this as the user it runs as.',
    remedy:
      'Run it as root, or give it CAP_NET_ADMIN and CAP_NET_RAW; `backstay doctor` lists what is missing.',
    exitStatus: exitStatus.privilege,
  },
  BS_PROBE_TARGET_OWN: {
    summary: 'A target of a probe is an address of this machine: it proves nothing and counts as silent.',
    remedy: 'Choose an address of another machine that the link reaches.',
    exitStatus: exitStatus.failure,
  },
  BS_PROGRAM_FAILED: {
    summary: 'A program of the system that Backstay needs ended with an error.',
    remedy: 'The message has what the program said; try the same command in a shell.',
    exitStatus: exitStatus.failure,
  },
  BS_PROGRAM_MISSING: {
    summary: 'A program of the system that Backstay needs is not installed or not in PATH.',
    remedy: 'Install it: `apt-get install iproute2 nftables`.',
    exitStatus: exitStatus.unavailable,
  },
  BS_PROGRAM_OUTPUT: {
    summary: 'A program of the system answered with something that Backstay does not understand.',
    remedy: "Compare the program's version with the supported ones (`backstay doctor`).",
    exitStatus: exitStatus.failure,
  },
  BS_SECRET_EXPOSED: {
    summary: 'Other users of the machine can reach a file that holds a secret.',
    remedy: 'Run `chmod 600` on the file; if someone may have read it, change the secret.',
    exitStatus: exitStatus.configuration,
  },
  BS_SECRET_INVALID: {
    summary: 'A file that should hold a secret holds something else.',
    remedy: 'The message says what is wrong; the page of the part that needs it has an example.',
    exitStatus: exitStatus.configuration,
  },
  BS_SECRET_MISSING: {
    summary: 'A file that should hold a secret does not exist.',
    remedy: 'Make it, readable by its owner only (mode 0600), or correct the setting that names it.',
    exitStatus: exitStatus.configuration,
  },
  BS_SECRET_UNREADABLE: {
    summary: 'A file that holds a secret cannot be opened.',
    remedy: 'Start the program as the user who owns the file.',
    exitStatus: exitStatus.privilege,
  },
  BS_SECRET_UNWRITABLE: {
    summary: 'A file for a secret cannot be made.',
    remedy: 'Give a place that exists, may be written by this user, and has no file of that name yet.',
    exitStatus: exitStatus.failure,
  },
  BS_SELF_TEST_FAILED: {
    summary: 'Packets that the packet path sends to itself do not come back as they were.',
    remedy:
      'This kernel or processor is not one that Backstay knows; report it with the output of `backstay doctor`.',
    exitStatus: exitStatus.unavailable,
  },
  BS_SOCKET_UNUSABLE: {
    summary: 'The control socket cannot be made.',
    remedy: 'Choose another place with `gateway.socket`, or remove what stands in its way.',
    exitStatus: exitStatus.failure,
  },
  BS_STATE_UNREADABLE: {
    summary: 'A file in the state directory cannot be read, or is damaged.',
    remedy: 'The message names the file; when it is damaged, move it away and start again.',
    exitStatus: exitStatus.failure,
  },
  BS_STATE_UNWRITABLE: {
    summary: 'A file in the state directory cannot be written.',
    remedy:
      "Make room on the file system and let the daemon's user write to `gateway.state`; nothing was changed.",
    exitStatus: exitStatus.failure,
  },
  BS_SYSCTL_REFUSED: {
    summary: 'A kernel setting below /proc/sys cannot be read or changed.',
    remedy:
      'Run the daemon as root, with /proc/sys writable, or set `forwarding: false` and the setting by other means.',
    exitStatus: exitStatus.privilege,
  },
  BS_TUN_BUSY: {
    summary: "Another program has the tunnel's device.",
    remedy: 'Stop the other program, or give the tunnel another `interface` name.',
    exitStatus: exitStatus.unavailable,
  },
  BS_TUN_UNAVAILABLE: {
    summary: 'The kernel gave no TUN device.',
    remedy: 'Load the module `tun` and see that /dev/net/tun exists; `backstay doctor` tells more.',
    exitStatus: exitStatus.unavailable,
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
