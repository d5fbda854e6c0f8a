/**
 * The nftables table by which plain connections keep to a link: which one a new connection gets, its mark, its source address.
 *
 * Contract: only the table `inet backstay-internet` is spoken of, in one transaction that replaces it; each rule's comment has the
 * digest of its text, so that what is loaded can be compared. In this order:
 *   choose     Packets with a mark of others (the tunnels' own among them) are left alone. A known connection's packets get its
 *              mark back. A new one from inside gets a link by weight, by a hash of its source: one client keeps to one link.
 *              One that came in over a link, for somebody inside, gets that link.
 *   keep       The mark becomes the connection's when its first packet really leaves by that link; what the main table leads
 *              elsewhere (the tunnels) is thus no connection of ours and is never cut off.
 *   translate  Configured sources get the address of the link that they leave by.
 * Source: S1.5, S1.12; nft(8) "HASH EXPRESSIONS", "CT STATEMENT"; RFC 3022.
 */
import type { DesiredState, InternetCarrier, InternetChoice } from './desired-state.ts';
import { type InternetWay, internetMark, internetMarks, internetWays } from './internet-routing.ts';
import { formatPrefix, type IpFamily, type IpPrefix } from './ip-address.ts';
import { textDigest } from './text-digest.ts';

export const internetTableName = 'backstay-internet';

/** What `nft -f -` reads. Without a choice no table is left. */
export function internetScript(desired: DesiredState): string {
  const head = [`table inet ${internetTableName}`, `delete table inet ${internetTableName}`];
  const chains = tableChains(desired);
  return [...head, ...(chains.length === 0 ? [] : tableLines(chains)), ''].join('\n');
}

/** The comments of the rules that `internetScript` makes; undefined when it leaves no table. */
export function internetComments(desired: DesiredState): string[] | undefined {
  const chains = tableChains(desired);
  return chains.length === 0 ? undefined : chains.flatMap(({ rules }) => rules.map(commentOf));
}

type InternetRule = { readonly text: string; readonly label: string };
type Chain = { readonly name: string; readonly hook: string; readonly rules: readonly InternetRule[] };

/** Any fixed number, so that a client keeps its link when the table is loaded anew. */
const hashSeed = '0x4254';

function tableChains(desired: DesiredState): Chain[] {
  const ways = internetWays(desired);
  if (desired.internet === undefined || ways.length === 0) return [];
  return [
    {
      name: 'choose',
      hook: 'filter hook prerouting priority dstnat + 10',
      rules: [
        { text: 'meta mark != 0 return', label: 'marks of others stay' },
        {
          text: `ct mark & ${hex(internetMarks.mask)} == ${hex(internetMarks.value)} meta mark set ct mark return`,
          label: 'known connections keep their link',
        },
        { text: 'ct mark != 0 return', label: 'connections of others stay' },
        { text: 'ct state != new return', label: 'only new connections are given a link' },
        { text: 'fib daddr type local return', label: 'what is for the gateway itself needs none' },
        ...ways.map((it) => cameInRule(it, ways)),
        { text: `iifname ${nameSet(ways)} return`, label: 'from outside' },
        ...desired.internet.choices.flatMap((choice) => choiceRules(choice, ways)),
      ],
    },
    { name: 'keep', hook: 'filter hook postrouting priority mangle', rules: keepRules(ways) },
    {
      name: 'translate',
      hook: 'nat hook postrouting priority srcnat',
      rules: translateRules(ways, desired.internet.masquerade),
    },
  ].filter(({ rules }) => rules.length > 0);
}

/** By the address that was called, where the interface alone does not say which link it was. */
function cameInRule({ link, way }: InternetWay, ways: readonly InternetWay[]): InternetRule {
  const mark = hex(internetMark(link.index));
  const isShared = ways.some((other) => other.link.interface === link.interface && other.link !== link);
  const called = isShared ? ` ct original ${ip(way.family)} daddr ${way.address.text}` : '';
  const text = `meta nfproto ipv${way.family} iifname "${link.interface}"${called} meta mark set ${mark} ct mark set ${mark} return`;
  return { text, label: `came in over link ${link.name}` };
}

function choiceRules(
  { family, carriers, canary }: InternetChoice,
  ways: readonly InternetWay[],
): InternetRule[] {
  const names = (some: readonly InternetCarrier[]) =>
    some.map(({ link }) => ways.find((it) => it.link.index === link)?.link.name).join(', ');
  const present = (some: readonly InternetCarrier[]) =>
    some.filter((it) => ways.some(({ link, way }) => link.index === it.link && way.family === family));
  const [first, others] = [present(canary?.carriers ?? []), present(carriers)];
  const percent = Math.round((canary?.share ?? 0) * 100);
  return [
    ...(first.length === 0
      ? []
      : [
          {
            text: `meta nfproto ipv${family} numgen random mod 100 < ${percent} ${spread(family, first)} return`,
            label: `IPv${family}, ${percent} % first: ${names(first)}`,
          },
        ]),
    ...(others.length === 0
      ? []
      : [
          {
            text: `meta nfproto ipv${family} ${spread(family, others)}`,
            label: `IPv${family}: ${names(others)}`,
          },
        ]),
  ];
}

/** `meta mark set jhash ip saddr mod 4 seed … map { 0-2 : 0x42540000, 3 : 0x42540001 }` */
function spread(family: IpFamily, carriers: readonly InternetCarrier[]): string {
  let next = 0;
  const parts = carriers.map(({ link, weight }) => {
    const first = next;
    next += weight;
    const range = weight === 1 ? `${first}` : `${first}-${next - 1}`;
    return `${range} : ${hex(internetMark(link))}`;
  });
  return `meta mark set jhash ${ip(family)} saddr mod ${next} seed ${hashSeed} map { ${parts.join(', ')} }`;
}

function keepRules(ways: readonly InternetWay[]): InternetRule[] {
  const links = [...new Map(ways.map(({ link }) => [link.index, link])).values()];
  return links.map(({ index, interface: device, name }) => {
    const mark = hex(internetMark(index));
    return {
      text: `ct mark 0 meta mark ${mark} oifname "${device}" ct mark set ${mark}`,
      label: `left by link ${name}`,
    };
  });
}

/** First by the mark; what the main table itself leads to an interface of links gets the first link's address. */
function translateRules(ways: readonly InternetWay[], masquerade: readonly IpPrefix[]): InternetRule[] {
  const rule = ({ link, way }: InternetWay, mark: string): InternetRule[] => {
    const sources = masquerade.filter(({ address }) => address.family === way.family).map(formatPrefix);
    if (sources.length === 0) return [];
    const word = ip(way.family);
    const match = `oifname "${link.interface}"${mark} ${word} saddr { ${sources.join(', ')} }`;
    const label = `get the address of link ${link.name}`;
    return [{ text: `${match} snat ${word} to ${way.address.text}`, label }];
  };
  const places = new Set<string>();
  const firstOfPlace = ways.filter(({ link, way }) => {
    const place = `${link.interface} ${way.family}`;
    return !places.has(place) && places.add(place);
  });
  return [
    ...ways.flatMap((it) => rule(it, ` meta mark ${hex(internetMark(it.link.index))}`)),
    ...firstOfPlace.flatMap((it) => rule(it, '')),
  ];
}

function tableLines(chains: readonly Chain[]): string[] {
  return [
    `table inet ${internetTableName} {`,
    ...chains.flatMap(({ name, hook, rules }) => [
      `  chain ${name} {`,
      `    type ${hook}; policy accept;`,
      ...rules.map((rule) => `    ${rule.text} comment "${commentOf(rule)}"`),
      '  }',
    ]),
    '}',
  ];
}

function nameSet(ways: readonly InternetWay[]): string {
  const names = [...new Set(ways.map(({ link }) => link.interface))];
  return `{ ${names.map((name) => `"${name}"`).join(', ')} }`;
}

/** nft(8) takes comments of up to 127 bytes; the digest is what counts. */
function commentOf({ text, label }: InternetRule): string {
  return `${label.slice(0, 90)}: ${textDigest(text)}`;
}

function ip(family: IpFamily): string {
  return family === 4 ? 'ip' : 'ip6';
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
