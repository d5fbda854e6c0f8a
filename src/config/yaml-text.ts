/**
 * A YAML text read as far as it can be read.
 *
 * Contract: never throws. With `broken` the text is not YAML from that offset on; what stands before it is still there.
 * Text that no YAML file may hold (control characters) and text beyond 1 MiB are refused unread.
 */

import { parseDocument, type YAMLError } from 'yaml';
import type { TextPlaces } from './text-places.ts';
import {
  maximumAliasedValues,
  tooDeepMessage,
  type YamlMistake,
  type YamlTree,
  YamlTreeReader,
} from './yaml-tree.ts';

export type YamlText = {
  readonly tree: YamlTree;
  readonly mistakes: readonly YamlMistake[];
  /** Offset of the first syntax error. */
  readonly broken: number | undefined;
};

/** A thousand tunnels fit in; beyond it the file is no configuration. */
export const maximumTextLength = 1_048_576;

export function readYaml(text: string, places: TextPlaces): YamlText {
  if (text.length > maximumTextLength)
    return unreadable(0, 'is larger than 1 MiB, which no configuration needs');
  const binary = text.search(notPrintable);
  if (binary >= 0)
    return unreadable(binary, `is not a text file: it holds the character ${codePoint(text, binary)}`);
  const document = parseQuietly(text);
  const faults = document === undefined ? [] : [...document.errors, ...document.warnings];
  if (document === undefined || faults.some((fault) => fault.code === 'RESOURCE_EXHAUSTION')) {
    return unreadable(0, tooDeepMessage);
  }
  const syntax = onePerLine(faults, places).map(syntaxMistake);
  const reader = new YamlTreeReader(places);
  const tree = reader.read(document.contents, [], 0);
  if (reader.multiplied !== undefined) return unreadable(reader.multiplied, multipliedMessage);
  return { tree, mistakes: [...syntax, ...reader.mistakes], broken: syntax[0]?.offset };
}

/** The complement of YAML's c-printable. */
const notPrintable = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

function codePoint(text: string, offset: number): string {
  return `U+${(text.codePointAt(offset) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

const multipliedMessage = `has aliases that multiply to more than ${maximumAliasedValues} values, write them out`;

function unreadable(offset: number, message: string): YamlText {
  const tree = { value: undefined, offset, keyOffset: offset, children: new Map(), refused: true };
  return { tree, mistakes: [{ offset, path: [], message: `the file ${message}` }], broken: offset };
}

function parseQuietly(text: string) {
  try {
    return parseDocument(text, {
      schema: 'core',
      stringKeys: true,
      // The library compares every key with every other one; the tree reader finds duplicates in linear time.
      uniqueKeys: false,
      prettyErrors: false,
      resolveKnownTags: false,
      logLevel: 'error',
    });
  } catch (cause) {
    if (cause instanceof RangeError) return undefined;
    throw cause;
  }
}

/** One wrong character often makes several errors on its line; the first names it. */
function onePerLine(faults: readonly YAMLError[], places: TextPlaces): YAMLError[] {
  const lines = new Set<number>();
  return faults
    .toSorted((one, other) => one.pos[0] - other.pos[0])
    .filter((fault) => {
      const line = places.lineOf(fault.pos[0]);
      return !lines.has(line) && lines.add(line);
    });
}

const syntaxWords: Partial<Record<YAMLError['code'], string>> = {
  TAB_AS_INDENT: 'a tab is used for indentation, use spaces',
  MULTIPLE_DOCS: 'a second document begins here, one file holds one configuration',
  NON_STRING_KEY: 'a list or map is used as a key; an IPv6 address with brackets must be put in quotes',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket is not closed',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key: value" stands on one line, begin a new line or use quotes',
  TAG_RESOLVE_FAILED: 'a type tag (!name) that a configuration does not use, remove it',
};

function syntaxMistake(fault: YAMLError): YamlMistake {
  const message = fault.message.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
  return { offset: fault.pos[0], path: [], message: `not valid YAML: ${syntaxWords[fault.code] ?? message}` };
}
