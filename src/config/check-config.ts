/**
 * A configuration file's text, checked: the configuration, or everything that is wrong with it in order of position.
 *
 * Contract: pure and total: never throws, whatever the text. What stands around a syntax error is guesswork, so then only
 * wrong values and unknown keys that end well before it are reported beside it. At most 100 mistakes are listed.
 */

import type { Config } from './config.ts';
import { crossChecks } from './cross-checks.ts';
import { draftConfig } from './draft.ts';
import { entriesOf } from './draft-entries.ts';
import { type Finding, formatPath, type Mistake, type SettingPath } from './mistake.ts';
import { resolveConfig } from './resolve-config.ts';
import { configSchema } from './schema.ts';
import { schemaFindings } from './schema-findings.ts';
import { TextPlaces } from './text-places.ts';
import { readYaml } from './yaml-text.ts';
import { findInTree, type YamlMistake, type YamlTree } from './yaml-tree.ts';

export type CheckedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

const maximumMistakes = 100;

export function checkConfig(text: string, fileName: string): CheckedConfig {
  const content = text.startsWith(byteOrderMark) ? text.slice(1) : text;
  const places = new TextPlaces(content);
  const yaml = readYaml(content, places);
  const parsed = configSchema.safeParse(yaml.tree.value);
  const located = findMistakes(yaml.tree, yaml.broken, parsed.error?.issues ?? []);
  const mistakes = inOrder([...yaml.mistakes, ...located]);
  if (parsed.success && mistakes.length === 0) return { ok: true, config: resolveConfig(parsed.data) };
  return { ok: false, mistakes: limited(mistakes).map((mistake) => placed(mistake, fileName, places)) };
}

const byteOrderMark = '\ufeff';

type Issues = Parameters<typeof schemaFindings>[0];

function findMistakes(tree: YamlTree, broken: number | undefined, issues: Issues): YamlMistake[] {
  const findings = schemaFindings(issues, tree.value);
  if (broken === undefined) {
    const entries = entriesOf(draftConfig(tree.value));
    const crossed = crossChecks.flatMap(({ check }) => check(entries));
    return [...findings, ...crossed].flatMap((finding) => locate(finding, tree));
  }
  // The last value before the error may be wrong only because of it (a quote that is not closed).
  const lastStart = lastStartBefore(broken, tree);
  return findings
    .filter((finding) => !finding.missing)
    .flatMap((finding) => locate(finding, tree))
    .filter((mistake) => mistake.offset < lastStart);
}

/** Where the last key or value before the offset begins. */
function lastStartBefore(offset: number, tree: YamlTree): number {
  let last = 0;
  for (const start of [tree.keyOffset, tree.offset]) if (start < offset) last = Math.max(last, start);
  for (const child of tree.children.values()) last = Math.max(last, lastStartBefore(offset, child));
  return last;
}

/** Nothing where a mistake about the value is known already. */
function locate(finding: Finding, root: YamlTree): YamlMistake[] {
  const { path } = finding;
  const message = path.length === 0 ? `the file ${finding.message}` : finding.message;
  const { tree, depth } = findInTree(root, path);
  if (tree.refused) return [];
  if (depth === path.length) return [{ path, message, offset: finding.atKey ? tree.keyOffset : tree.offset }];
  // What is missing is told at the key of the map it is missing from.
  if (isContainer(tree.value)) return [{ path, message, offset: depth === 0 ? tree.offset : tree.keyOffset }];
  // A step into a scalar is of the schema's making: `address: x` stands for `address: [x]`.
  return [{ path: path.slice(0, depth), message, offset: tree.offset }];
}

function isContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/** By position; what an alias repeats is told once. */
function inOrder(mistakes: readonly YamlMistake[]): YamlMistake[] {
  const first = new Map(
    mistakes.toReversed().map((mistake) => [`${mistake.offset} ${mistake.message}`, mistake]),
  );
  return mistakes
    .filter((mistake) => first.get(`${mistake.offset} ${mistake.message}`) === mistake)
    .toSorted((one, other) => one.offset - other.offset);
}

function limited(mistakes: readonly YamlMistake[]): readonly YamlMistake[] {
  const last = mistakes[maximumMistakes - 1];
  if (last === undefined || mistakes.length === maximumMistakes) return mistakes;
  const more = mistakes.length - maximumMistakes;
  const path: SettingPath = [];
  return [
    ...mistakes.slice(0, maximumMistakes),
    { ...last, path, message: `and ${more} more mistakes from here on` },
  ];
}

function placed(mistake: YamlMistake, file: string, places: TextPlaces): Mistake {
  return {
    file,
    ...places.placeOf(mistake.offset),
    path: formatPath(mistake.path),
    message: mistake.message,
  };
}
