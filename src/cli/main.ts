/** The program `backstay`: its arguments, this process's terminal, its exit status. */

import { runCommandLine } from './program.ts';
import { processTerminal } from './terminal.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal());
