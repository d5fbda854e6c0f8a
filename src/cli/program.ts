/**
 * The command line: every command with its options, and what becomes of an error.
 *
 * Contract: `runCommandLine` never throws; it returns the exit status of the error catalogue (0 when all is well). An
 * error is one line on standard error, `CODE place: message remedy`. Commands load what they need when they run, so
 * that `backstay status` does not load the packet path.
 */

import { Command, CommanderError, Option } from 'commander';
import { BackstayError, errorCatalogue } from '../errors.ts';
import { version } from '../version.ts';
import { defaultSocketPath } from './daemon-client.ts';
import type { Terminal } from './terminal.ts';

const defaultConfigPath = '/etc/backstay/backstay.yaml';
const defaultIdentityPath = '/etc/backstay/identity.pem';

/** `words` are the arguments after the program's name. */
export async function runCommandLine(words: readonly string[], terminal: Terminal): Promise<number> {
  let status = 0;
  const program = createProgram(terminal, (exitStatus) => {
    status = exitStatus;
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const known = asBackstayError(error);
    terminal.error(`${known.line}\n`);
    return errorCatalogue[known.code].exitStatus;
  }
}

/** `setStatus` is for commands whose result is an answer rather than an error, such as `check`. */
function createProgram(terminal: Terminal, setStatus: (exitStatus: number) => void): Command {
  const program = new Command('backstay')
    .description('A VPN gateway that stays up: one encrypted tunnel over several internet links.')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.error, outputError: () => {} })
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false);
  addDaemonCommands(program, terminal, setStatus);
  addIdentityCommands(program, terminal);
  addReadingCommands(program, terminal);
  addLinkCommands(program, terminal, setStatus);
  addAlarmCommands(program, terminal, setStatus);
  addImportCommands(program, terminal);
  program
    .command('version')
    .description('print the version')
    .action(() => terminal.out(`${version}\n`));
  return program;
}

function addDaemonCommands(
  program: Command,
  terminal: Terminal,
  setStatus: (exitStatus: number) => void,
): void {
  program
    .command('run')
    .description('run the gateway in the foreground until SIGTERM or SIGINT')
    .option('-c, --config <file>', 'configuration file', defaultConfigPath)
    .option(
      '--quick-start',
      'prove the packet path without warming it: half a start, and the first packets are slower',
    )
    // For the laboratory only: with the keys its judges can read the packets.
    .addOption(new Option('--test-key-log <file>', 'write the ESP keys to a file').hideHelp())
    .action(async (options) => (await import('./commands/run.ts')).runGateway(options, terminal));
  program
    .command('check')
    .description('check a configuration file without touching anything')
    .argument('<file>', 'configuration file')
    .action(async (file) => setStatus((await import('./commands/check.ts')).checkFile(file, terminal)));
  program
    .command('doctor')
    .description('check whether this machine has what a gateway needs')
    .option('-c, --config <file>', 'look at the links of this configuration as well')
    .option('--json', 'print JSON')
    .action(async (options) =>
      setStatus(await (await import('./commands/doctor.ts')).examine(options, terminal)),
    );
}

function addIdentityCommands(program: Command, terminal: Terminal): void {
  program
    .command('keygen')
    .description("make this gateway's key and print its fingerprint, which the peers need")
    .option('-o, --out <file>', 'where to write it', defaultIdentityPath)
    .action(async (options) => (await import('./commands/identity.ts')).makeIdentity(options, terminal));
  program
    .command('fingerprint')
    .description('print the fingerprint of a key that was made with keygen')
    .argument('[file]', 'identity file', defaultIdentityPath)
    .action(async (file) => (await import('./commands/identity.ts')).showFingerprint(file, terminal));
}

function addReadingCommands(program: Command, terminal: Terminal): void {
  program
    .command('status')
    .description('show the running gateway: links, tunnels and their paths')
    .option('--json', 'print JSON')
    .option('-w, --watch', 'again every second')
    .option('-s, --socket <path>', 'control socket of the daemon', defaultSocketPath)
    .action(async (options) => (await import('./commands/status.ts')).showStatus(options, terminal));
  program
    .command('events')
    .description('show what happened and on what evidence')
    .option('-f, --follow', 'go on with what happens from now on')
    .option('--json', 'print JSON, one entry per line')
    .option('--since <beginning>', 'a sequence number, a time, or how long ago (30s, 10m, 2h, 1d)')
    .option('-n, --limit <count>', 'how many entries at the most (default: 100)')
    .option('-s, --socket <path>', 'control socket of the daemon', defaultSocketPath)
    .action(async (options) => (await import('./commands/events.ts')).showEvents(options, terminal));
  program
    .command('decode')
    .description('show what a capture (pcap, pcapng) has of a tunnel, or what one message says')
    .argument('[file]', 'capture file; - or nothing for standard input')
    .option('--hex <digits>', 'decode one control message or one path report instead')
    .option('-p, --port <ports>', 'UDP ports of the tunnel, with commas between', '4500')
    .option('--json', 'print JSON, one finding per line')
    .action(async (file, options) => (await import('./commands/decode.ts')).decode(file, options, terminal));
}

function addLinkCommands(
  program: Command,
  terminal: Terminal,
  setStatus: (exitStatus: number) => void,
): void {
  const link = program
    .command('link')
    .description('ask the running gateway about its links, or tell it which one to use');
  link
    .command('explain')
    .description('show why a link is up, degraded or down; the exit status is 1 when it is down')
    .argument('<name>', 'link of the configuration')
    .option('--json', 'print JSON')
    .option('-s, --socket <path>', 'control socket of the daemon', defaultSocketPath)
    .action(async (name, options) =>
      setStatus(await (await import('./commands/link.ts')).explainLink(name, options, terminal)),
    );
  link
    .command('use')
    .description('send plain traffic to the internet over this link, as long as it works')
    .argument('<name>', 'link of the section internet')
    .option('-s, --socket <path>', 'control socket of the daemon', defaultSocketPath)
    .action(async (name, options) => (await import('./commands/link.ts')).useLink(name, options, terminal));
  link
    .command('release')
    .description('let the tiers of the configuration decide again, at once')
    .option('-s, --socket <path>', 'control socket of the daemon', defaultSocketPath)
    .action(async (options) => (await import('./commands/link.ts')).releaseLink(options, terminal));
  const trial = link
    .command('try')
    .description('show how often a link would have been down with other settings, by its recorded rounds')
    .argument('<name>', 'link of the configuration')
    .option('--json', 'print JSON')
    .option('-s, --socket <path>', 'control socket of the daemon', defaultSocketPath);
  for (const setting of trialSettings) trial.option(`--${setting} <value>`, `\`probe.${setting}\``);
  trial.action(async (name, options: Record<string, string>) => {
    const { tryLink } = await import('./commands/link.ts');
    const { socket = defaultSocketPath, json } = options;
    const given = trialSettings.flatMap((setting): [string, string][] => {
      const value = options[setting.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
      return value === undefined ? [] : [[setting, value]];
    });
    await tryLink(name, { socket, json: json !== undefined }, Object.fromEntries(given), terminal);
  });
}

function addAlarmCommands(
  program: Command,
  terminal: Terminal,
  setStatus: (exitStatus: number) => void,
): void {
  program
    .command('alarm')
    .description('ask the running gateway about its alarms')
    .command('test')
    .description('send a test alarm to every receiver; the exit status is 1 when one does not take it')
    .option('--json', 'print JSON')
    .option('-s, --socket <path>', 'control socket of the daemon', defaultSocketPath)
    .action(async (options) =>
      setStatus(await (await import('./commands/alarm.ts')).testAlarms(options, terminal)),
    );
}

function addImportCommands(program: Command, terminal: Terminal): void {
  program
    .command('import')
    .description('make a configuration of the files of another program')
    .command('dialbkup')
    .description('print a configuration for what DialBkup.cfg and ppp-on say')
    .requiredOption('--cfg <file>', 'the file with Delay, Idaddr1, Idaddr2, Retry and Frequency')
    .requiredOption('--ppp-on <file>', 'the script with ACCOUNT, PASSWORD and TELEPHONE')
    .requiredOption('--password-file <path>', "where the provider's password is written, mode 0600")
    .option('--primary <interface>', 'the interface to the internet', 'eth1')
    .option('--private <interface>', 'the interface to the private network', 'eth0')
    .option('--device <path>', 'the serial port of the modem', '/dev/ttyS0')
    .action(async (options) => (await import('./commands/import.ts')).importDialbkup(options, terminal));
}

/** Of a link's `probe`: by these its recorded rounds can be judged anew. */
const trialSettings = [
  'rule',
  'answers',
  'interval',
  'retries',
  'recover',
  'hold',
  'hold-most',
  'calm',
  'loss-above',
  'loss-below',
  'delay-above',
  'delay-below',
] as const;

function asBackstayError(error: unknown): BackstayError {
  if (error instanceof BackstayError) return error;
  if (error instanceof CommanderError) return usageError(error);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new BackstayError('BS_INTERNAL', message, { cause: error });
}

function usageError(error: CommanderError): BackstayError {
  if (error.code === 'commander.help') return new BackstayError('BS_USAGE', 'A command is needed.');
  const message = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  return new BackstayError('BS_USAGE', `${message.charAt(0).toUpperCase()}${message.slice(1)}.`);
}
