/**
 * `backstay import dialbkup`: the files of the old dial backup utility become a configuration.
 *
 * Contract: nothing is written before everything was read and understood; then the password to its file, and the configuration to
 * standard output. The password itself is never printed.
 */

import { BackstayError } from '../../errors.ts';
import { readPolling, readProvider } from '../../import/dialbkup.ts';
import { dialbkupYaml } from '../../import/dialbkup-yaml.ts';
import { readImportFile } from '../../linux/import-file.ts';
import { createSecretFile } from '../../linux/secret-file.ts';
import type { Terminal } from '../terminal.ts';

type Options = {
  readonly cfg: string;
  readonly pppOn: string;
  readonly passwordFile: string;
  readonly primary: string;
  readonly private: string;
  readonly device: string;
};

export function importDialbkup(options: Options, terminal: Terminal): void {
  const { cfg, pppOn, passwordFile, device } = options;
  for (const path of [passwordFile, device])
    if (!/^\/[^\n\r]*[^/\n\r]$/.test(path)) throw usage(`${path} is not an absolute path.`);
  for (const name of [options.primary, options.private])
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(name))
      throw usage(`${name} is not the name of an interface.`);
  const polling = readPolling(readImportFile(cfg), cfg);
  const provider = readProvider(readImportFile(pppOn), pppOn);
  createSecretFile(passwordFile, `${provider.password}\n`);
  terminal.out(dialbkupYaml(polling, provider, { ...options, sources: [cfg, pppOn] }));
}

function usage(message: string): BackstayError {
  return new BackstayError('BS_USAGE', message);
}
