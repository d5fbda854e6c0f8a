/** `backstay check`: every mistake of a configuration file with its line, or one line that sums it up. */

import { type Config, formatMistake } from '../../config/index.ts';
import { errorCatalogue } from '../../errors.ts';
import { plural } from '../../journal/quantity.ts';
import { checkConfigFile } from '../../linux/config-file.ts';
import type { Terminal } from '../terminal.ts';

/** Returns the exit status: a mistake is an answer, not an error of the command. */
export function checkFile(file: string, terminal: Terminal): number {
  const checked = checkConfigFile(file);
  if (checked.ok) {
    terminal.out(`${file}: ${summary(checked.config)}\n`);
    return 0;
  }
  for (const mistake of checked.mistakes) terminal.out(`${formatMistake(mistake)}\n`);
  return errorCatalogue.BS_CONFIG_INVALID.exitStatus;
}

function summary({ gateway, links, tunnels }: Config): string {
  const linkNames = links.map((link) => link.name).join(', ');
  const tunnelNames = tunnels.length === 0 ? '' : ` (${tunnels.map((tunnel) => tunnel.name).join(', ')})`;
  return `OK: gateway ${gateway.name}, ${plural(links.length, 'link')} (${linkNames}), ${plural(tunnels.length, 'tunnel')}${tunnelNames}`;
}
