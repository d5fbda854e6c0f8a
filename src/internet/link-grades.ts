/**
 * What each link is worth for plain traffic: by its probe, or by being there where it has none.
 *
 * Contract: pure. A link without an address of the family is `gone`, whatever its probe said last. Source: S1.2, S1.12.
 */
import type { InternetConfig } from '../config/index.ts';
import type { IpFamily } from '../network/ip-address.ts';
import type { Grade, Grades } from './internet.ts';
import type { FamilyGrades } from './internet-machine.ts';

/** What a probe says of its link. */
export type ProbeVerdict = {
  readonly verdict: 'unknown' | 'up' | 'degraded' | 'down';
  readonly isHeldBack: boolean;
};

/**
 * @param ways in which packets can leave by now
 * @param verdictOf the probe of a link; undefined for a link without one
 */
export function linkGrades(
  { links }: Pick<InternetConfig, 'links'>,
  ways: readonly { readonly link: string; readonly family: IpFamily }[],
  verdictOf: (link: string) => ProbeVerdict | undefined,
): FamilyGrades {
  const worth = (link: string): Grade => {
    const probe = verdictOf(link);
    if (probe === undefined || probe.verdict === 'up') return 'good';
    return probe.isHeldBack ? 'held' : probe.verdict;
  };
  const gradesOf = (family: IpFamily): Grades =>
    Object.fromEntries(
      links.map(({ name }) => {
        const isThere = ways.some((way) => way.link === name && way.family === family);
        return [name, isThere ? worth(name) : 'gone'];
      }),
    );
  return { 4: gradesOf(4), 6: gradesOf(6) };
}
