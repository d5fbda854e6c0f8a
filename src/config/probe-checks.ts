/** What must fit together within the `probe` of a link, and between it and the addresses of the gateway. */

import { formatPrefix, type IpAddress } from '../network/ip-address.ts';
import type { CrossCheck } from './cross-checks.ts';
import {
  type DraftEntries,
  explicit,
  FirstClaims,
  indexed,
  linksOf,
  linksOfTunnel,
  type NamedLink,
} from './draft-entries.ts';
import type { Finding, SettingPath } from './mistake.ts';
import { tunnelNetworks } from './network-checks.ts';
import { targetKinds } from './probe-section.ts';
import { unknownName } from './wording.ts';

type ProbeDraft = NonNullable<NamedLink['probe']>;
type TargetDraft = NonNullable<NonNullable<ProbeDraft['targets']>[number]>;
type Place = { readonly kind: string; readonly address: IpAddress; readonly port?: number };

export const kindOfTarget: CrossCheck = {
  rule: 'A target of a probe has exactly one of `icmp`, `tcp`, `dns` (with `name`), `http`, `neighbour` and `tunnel`.',
  check: (entries) =>
    targetsOf(entries, (target, path) => {
      const written = targetKinds.filter((kind) => Object.hasOwn(target, kind));
      if (written.length !== 1) {
        const has = written.length === 0 ? 'has nobody to ask' : `has ${written.join(' and ')}`;
        return [{ path, message: `${has}, must have one of ${targetKinds.join(', ')}` }];
      }
      const isNamed = Object.hasOwn(target, 'name');
      if (isNamed === (written[0] === 'dns')) return [];
      return isNamed
        ? [{ path: [...path, 'name'], message: 'is for dns only, must be left out', atKey: true }]
        : [{ path, message: 'has no name to ask the DNS server for, must have name beside dns' }];
    }),
};

export const sameTarget: CrossCheck = {
  rule: 'No target of a probe is there twice.',
  check: (entries) =>
    probesOf(entries).flatMap(({ name, probe }) => {
      const seen = new FirstClaims<number>();
      return indexed(probe.targets).flatMap(([index, target]) => {
        const key = keyOf(target);
        if (key === undefined || seen.claim(key, index) === undefined) return [];
        return [{ path: pathOf(name, index), message: 'is in the list already, allowed once' }];
      });
    }),
};

export const ownTargets: CrossCheck = {
  rule: "No target of a probe is an address of the gateway's own links or tunnels.",
  check: (entries) => {
    const own = ownAddresses(entries);
    return targetsOf(entries, (target, path) =>
      placesOf(target).flatMap(({ kind, address }) => {
        const owner = own.get(address.text);
        if (owner === undefined) return [];
        const message = `is ${address.text}, which is this gateway's own (${owner}), must be an address of another machine`;
        return [{ path: [...path, kind], message }];
      }),
    );
  },
};

export const familiesOfTargets: CrossCheck = {
  rule: 'A target of a probe is of a family that its link has an address of.',
  check: (entries) =>
    probesOf(entries).flatMap((link) => {
      const families = explicit(link.address)?.map(({ family }) => family);
      if (families === undefined || families.length === 0) return [];
      return indexed(link.probe.targets).flatMap(([index, target]) =>
        placesOf(target).flatMap(({ kind, address: { family, text } }) => {
          if (families.includes(family)) return [];
          const message =
            `is ${text}, but the link has no IPv${family} address, ` +
            `must be IPv${families.join(' or IPv')}, or the link's address auto`;
          return [{ path: [...pathOf(link.name, index), kind], message }];
        }),
      );
    }),
};

export const tunnelsOfTargets: CrossCheck = {
  rule: 'A tunnel that is a target of a probe exists, and uses the link.',
  check: (entries) =>
    probesOf(entries).flatMap((link) =>
      indexed(link.probe.targets).flatMap(([index, { tunnel: name }]) => {
        const message = name && strangeTunnel(entries, link.name, name);
        return message ? [{ path: [...pathOf(link.name, index), 'tunnel'], message }] : [];
      }),
    ),
};

/** @returns what is wrong with it as a target of the link's probe */
function strangeTunnel(entries: DraftEntries, link: string, name: string): string | undefined {
  const tunnel = entries.tunnels.find((it) => it.name === name);
  if (tunnel === undefined) {
    const known = entries.tunnels.map((it) => it.name);
    return unknownName(name, 'a tunnel', known);
  }
  const used = linksOfTunnel(entries, tunnel)?.map((it) => it.name);
  if (used === undefined || used.includes(link)) return undefined;
  return `is ${name}, which does not use link ${link} but ${used.join(', ')}, must be a tunnel over this link`;
}

export const targetsInside: CrossCheck = {
  rule: 'No target of a probe lies in a network behind a peer: no link reaches it.',
  check: (entries) => {
    const claimOf = tunnelNetworks(entries);
    return targetsOf(entries, (target, path) =>
      placesOf(target).flatMap(({ kind, address }) => {
        const claim = claimOf(address);
        if (claim === undefined) return [];
        const message =
          `is ${address.text}, which lies in ${formatPrefix(claim.prefix)} behind the peer of tunnel ${claim.tunnel}, ` +
          'must be an address that the link itself reaches, or the target tunnel';
        return [{ path: [...path, kind], message }];
      }),
    );
  },
};

export const answersOfCount: CrossCheck = {
  rule: 'Of a probe, `answers` is at most `count`.',
  check: (entries) =>
    probesOf(entries).flatMap(({ name, probe: { count, answers } }) => {
      if (count === undefined || answers === undefined || answers <= count) return [];
      const message = `is ${answers}, must be at most count, which is ${count}`;
      return [{ path: ['links', name, 'probe', 'answers'], message }];
    }),
};

export const probeThresholds: CrossCheck = {
  rule:
    'Of a probe, `loss-below` is less than `loss-above`, `delay-below` less than `delay-above`, which it needs, and ' +
    '`hold` not more than `hold-most`.',
  check: (entries) =>
    probesOf(entries).flatMap(({ name, probe }) => {
      const at = (key: string, message: string) => [{ path: ['links', name, 'probe', key], message }];
      const { 'loss-above': lossAbove = 2, 'loss-below': lossBelow = -1 } = probe;
      const { 'delay-above': delayAbove, 'delay-below': delayBelow } = probe;
      const { hold = 0, 'hold-most': most = Number.POSITIVE_INFINITY } = probe;
      return [
        ...(lossBelow < lossAbove ? [] : at('loss-below', 'must be less than loss-above')),
        ...(hold <= most ? [] : at('hold', 'must not be more than hold-most')),
        ...delayFinding(delayAbove, delayBelow, Object.hasOwn(probe, 'delay-above'), at),
      ];
    }),
};

function delayFinding(
  above: number | undefined,
  below: number | undefined,
  isAboveWritten: boolean,
  at: (key: string, message: string) => Finding[],
): Finding[] {
  if (below === undefined) return [];
  if (!isAboveWritten) return at('delay-below', 'is of no use alone, must stand beside delay-above');
  return above === undefined || below < above ? [] : at('delay-below', 'must be less than delay-above');
}

function probesOf(entries: DraftEntries): (NamedLink & { readonly probe: ProbeDraft })[] {
  return linksOf(entries).flatMap((link) =>
    link.probe === undefined ? [] : [{ ...link, probe: link.probe }],
  );
}

function targetsOf(
  entries: DraftEntries,
  check: (target: TargetDraft, path: SettingPath) => Finding[],
): Finding[] {
  return probesOf(entries).flatMap(({ name, probe }) =>
    indexed(probe.targets).flatMap(([index, target]) => check(target, pathOf(name, index))),
  );
}

function pathOf(link: string, index: number): SettingPath {
  return ['links', link, 'probe', 'targets', index];
}

function placesOf({ icmp, tcp, dns, http }: TargetDraft): Place[] {
  return [
    ...(icmp === undefined ? [] : [{ kind: 'icmp', address: icmp }]),
    ...(tcp === undefined ? [] : [{ kind: 'tcp', ...tcp }]),
    ...(dns === undefined ? [] : [{ kind: 'dns', ...dns }]),
    ...(http === undefined ? [] : [{ kind: 'http', ...http }]),
  ];
}

function keyOf(target: TargetDraft): string | undefined {
  if (target.neighbour !== undefined) return 'neighbour';
  if (target.tunnel !== undefined) return `tunnel ${target.tunnel}`;
  const [place] = placesOf(target);
  if (place === undefined) return undefined;
  return [place.kind, place.address.text, place.port, target.name, target.http?.path].join(' ');
}

function ownAddresses(entries: DraftEntries): Map<string, string> {
  const ofLinks = linksOf(entries).flatMap((link) =>
    (explicit(link.address) ?? []).map(({ text }): [string, string] => [text, `link ${link.name}`]),
  );
  const ofTunnels = entries.tunnels.flatMap(({ name, address }) =>
    indexed(address).map(([, prefix]): [string, string] => [prefix.address.text, `tunnel ${name}`]),
  );
  return new Map([...ofTunnels, ...ofLinks]);
}
