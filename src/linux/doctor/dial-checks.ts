/** Judges what a link that is dialled by `ppp` needs of the machine: programs, kernel, modem, password. Pure. */
import type { PppWay } from '../../config/index.ts';
import { errorCatalogue } from '../../errors.ts';
import { type Check, ok, problem } from './check.ts';

export type DialFacts = {
  /** Where they are, if they are. */
  readonly pppd: string | undefined;
  readonly chat: string | undefined;
  /** /dev/ppp is there. */
  readonly hasKernelPpp: boolean;
};

export function checkDialling({ pppd, chat, hasKernelPpp }: DialFacts): Check[] {
  const missing = Object.entries({ pppd, chat }).filter(([, path]) => path === undefined);
  const names = missing.map(([name]) => name).join(' and ');
  return [
    missing.length === 0
      ? ok('pppd and chat', `${pppd} and ${chat}`)
      : problem('pppd and chat', `${names} not installed.`, errorCatalogue.BS_PPP_NOT_INSTALLED.remedy),
    hasKernelPpp
      ? ok('kernel PPP', '/dev/ppp')
      : problem('kernel PPP', 'There is no /dev/ppp.', errorCatalogue.BS_PPP_NO_KERNEL.remedy),
  ];
}

/** @param isThere of the modem's device; @param refused why the password file cannot be used */
export function checkModem(
  link: string,
  { device, passwordFile }: PppWay,
  isThere: boolean,
  refused: string | undefined,
): Check[] {
  const [modem, password] = [`link ${link} modem`, `link ${link} password`];
  return [
    isThere
      ? ok(modem, device)
      : problem(modem, `There is no ${device}.`, errorCatalogue.BS_MODEM_MISSING.remedy),
    refused === undefined
      ? ok(password, passwordFile)
      : problem(password, `${passwordFile}: ${refused}`, errorCatalogue.BS_PASSWORD_UNUSABLE.remedy),
  ];
}
