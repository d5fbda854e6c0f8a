/**
 * YAML nodes as plain values, with the place of every one of them.
 *
 * Contract: never throws; what aliases multiply to is limited, an alias inside its own anchor is refused. Of duplicate
 * keys the first is kept. Keys are strings. Values that were refused are marked, so that nobody misses them.
 * Source: YAML 1.2.2; merge keys (`<<`) as in the YAML 1.1 type repository, since operators know them.
 */

import { isAlias, isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml';
import type { SettingPath } from './mistake.ts';
import type { TextPlaces } from './text-places.ts';

export type YamlTree = {
  readonly value: unknown;
  /** Where the value begins in the text; an absent value (`key:`) begins at its key. */
  readonly offset: number;
  readonly keyOffset: number;
  readonly children: ReadonlyMap<string | number, YamlTree>;
  /** A mistake about this value is known already, nothing more should be said about it. */
  readonly refused: boolean;
};

export type YamlMistake = { readonly offset: number; readonly path: SettingPath; readonly message: string };

/** Values reached through aliases: enough for every sensible file, far from what hurts. */
export const maximumAliasedValues = 10_000;
/** The schema is six levels deep. */
const maximumDepth = 32;

/** The nearest tree on the way to a setting, and how many steps of the path lead to it. */
export function findInTree(tree: YamlTree, path: SettingPath): { tree: YamlTree; depth: number } {
  let found = tree;
  for (const [depth, step] of path.entries()) {
    const next = found.children.get(step);
    if (next === undefined) return { tree: found, depth };
    found = next;
  }
  return { tree: found, depth: path.length };
}

export class YamlTreeReader {
  readonly mistakes: YamlMistake[] = [];
  /** Offset of the alias with which the limit was passed: the tree is not whole. */
  multiplied: number | undefined;
  readonly #places: TextPlaces;
  readonly #anchors = new Map<string, unknown>();
  readonly #open = new Set<unknown>();
  #aliasDepth = 0;
  #aliasedValues = 0;
  #outermostAlias = 0;

  constructor(places: TextPlaces) {
    this.#places = places;
  }

  read(node: unknown, path: SettingPath, keyOffset: number): YamlTree {
    const offset = offsetOf(node) ?? keyOffset;
    if (path.length > maximumDepth) return this.#refuse(offset, path.slice(0, 8), tooDeepMessage);
    if (this.#aliasDepth > 0 && ++this.#aliasedValues > maximumAliasedValues) {
      this.multiplied ??= this.#outermostAlias;
      return { ...leaf, offset, keyOffset, refused: true };
    }
    if (isAlias(node)) return this.#readAlias(node.source, offset, path, keyOffset);
    if (isScalar(node)) return this.#readScalar(node.value, node.anchor, node, offset, keyOffset);
    if (!isMap(node) && !isSeq(node)) return { ...leaf, value: null, offset, keyOffset };
    this.#remember(node.anchor, node);
    this.#open.add(node);
    const content = isMap(node) ? this.#readMap(node, path) : this.#readList(node.items, path, offset);
    this.#open.delete(node);
    return { ...content, offset, keyOffset, refused: false };
  }

  #readAlias(anchor: string, offset: number, path: SettingPath, keyOffset: number): YamlTree {
    const target = this.#anchors.get(anchor);
    if (target === undefined)
      return this.#refuse(offset, path, `there is no anchor &${anchor} before this *${anchor}`);
    if (this.#open.has(target)) return this.#refuse(offset, path, `*${anchor} stands inside its own anchor`);
    if (this.#aliasDepth === 0) this.#outermostAlias = offset;
    this.#aliasDepth++;
    const tree = this.read(target, path, keyOffset);
    this.#aliasDepth--;
    return tree;
  }

  #readScalar(
    value: unknown,
    anchor: string | undefined,
    node: unknown,
    offset: number,
    keyOffset: number,
  ): YamlTree {
    this.#remember(anchor, node);
    return { ...leaf, value, offset, keyOffset };
  }

  #readMap(map: YAMLMap, path: SettingPath): Pick<YamlTree, 'value' | 'children'> {
    const children = new Map<string, YamlTree>();
    const merged: YamlTree[] = [];
    for (const pair of map.items) {
      const key = keyOf(pair);
      const keyOffset = offsetOf(pair.key) ?? offsetOf(map) ?? 0;
      if (key === undefined) continue;
      if (key.merge) merged.push(...this.#readMergeSources(pair.value, path, keyOffset));
      else this.#readPair(key.text, pair.value, keyOffset, path, children);
    }
    for (const source of merged) {
      for (const [key, child] of source.children) {
        if (typeof key === 'string' && !children.has(key)) children.set(key, child);
      }
    }
    return { value: Object.fromEntries([...children].map(([key, child]) => [key, child.value])), children };
  }

  #readPair(
    key: string,
    node: unknown,
    keyOffset: number,
    path: SettingPath,
    into: Map<string, YamlTree>,
  ): void {
    const first = into.get(key);
    if (first !== undefined) {
      const message = `is given twice, first on line ${this.#places.lineOf(first.keyOffset)}; allowed once`;
      this.#refuse(keyOffset, [...path, key], message);
    } else if (key === '__proto__') {
      this.#refuse(keyOffset, [...path, key], 'is not a name that can be used');
    } else {
      into.set(key, this.read(node, [...path, key], keyOffset));
    }
  }

  #readMergeSources(node: unknown, path: SettingPath, keyOffset: number): YamlTree[] {
    const tree = this.read(node, [...path, '<<'], keyOffset);
    const sources = Array.isArray(tree.value) ? [...tree.children.values()] : [tree];
    const wrong = sources.find((source) => !source.refused && !isPlainMap(source.value));
    if (wrong === undefined) return sources;
    this.#refuse(tree.offset, [...path, '<<'], 'must be a map or a list of maps, such as *anchor');
    return [];
  }

  #readList(
    items: readonly unknown[],
    path: SettingPath,
    offset: number,
  ): Pick<YamlTree, 'value' | 'children'> {
    const trees = items.map((item, index) => this.read(item, [...path, index], offsetOf(item) ?? offset));
    return { value: trees.map((tree) => tree.value), children: new Map(trees.entries()) };
  }

  /** Within an alias the anchors were met before. */
  #remember(anchor: string | undefined, node: unknown): void {
    if (anchor !== undefined && this.#aliasDepth === 0) this.#anchors.set(anchor, node);
  }

  #refuse(offset: number, path: SettingPath, message: string): YamlTree {
    this.mistakes.push({ offset, path, message });
    return { ...leaf, offset, keyOffset: offset, refused: true };
  }
}

export const tooDeepMessage = 'has lists or maps nested too deeply, a configuration needs six levels';

const leaf = { value: undefined, children: new Map<string | number, YamlTree>(), refused: false };

function offsetOf(node: unknown): number | undefined {
  if (isScalar(node) && node.value === null && (node.source ?? '') === '') return undefined;
  if (!isScalar(node) && !isMap(node) && !isSeq(node) && !isAlias(node)) return undefined;
  return node.range?.[0];
}

function keyOf(pair: Pair): { text: string; merge: boolean } | undefined {
  if (pair.key === null) return { text: '', merge: false };
  if (!isScalar(pair.key)) return undefined;
  return { text: String(pair.key.value ?? ''), merge: pair.key.value === '<<' && pair.key.type === 'PLAIN' };
}

function isPlainMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
