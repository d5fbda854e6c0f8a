/**
 * The rules of the house as a table: which room may import what, and why not the rest. `importsOf` finds the imports of
 * a source text, `breaches` the ones that a rule forbids.
 *
 * Contract: pure. Test files are not judged: a test may use the clock and the file system.
 */

export type Import = { readonly specifier: string; readonly line: number };
export type Breach = {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly reason: string;
};

const pureRooms = [
  'config',
  'link',
  'internet',
  'tunnel',
  'pair',
  'cluster',
  'network',
  'journal',
  'alarm',
  'import',
] as const;

/** Rooms and loose files under src/ that each room may import, besides itself. */
const neighbours: Readonly<Record<string, readonly string[]>> = {
  config: ['network', 'errors.ts'],
  network: ['config', 'errors.ts'],
  link: ['config', 'network', 'errors.ts'],
  internet: ['config', 'network', 'errors.ts'],
  tunnel: ['config', 'network', 'errors.ts'],
  pair: ['config', 'network', 'errors.ts'],
  cluster: ['config', 'network', 'errors.ts'],
  journal: ['errors.ts'],
  alarm: ['config', 'network', 'journal', 'errors.ts'],
  import: ['network', 'errors.ts'],
  linux: [...pureRooms, 'errors.ts'],
  dataplane: [...pureRooms, 'linux', 'errors.ts'],
  api: [...pureRooms, 'errors.ts', 'version.ts'],
  gateway: [...pureRooms, 'linux', 'dataplane', 'api', 'errors.ts', 'version.ts'],
  cli: [...pureRooms, 'linux', 'gateway', 'api', 'errors.ts', 'version.ts'],
  'errors.ts': [],
  'version.ts': [],
};

/** Packages, and the rooms that may load them. */
const packageRooms: Readonly<Record<string, { rooms: readonly string[]; reason: string }>> = {
  koffi: { rooms: ['linux'], reason: 'only linux/ loads FFI: what touches the machine is in one room' },
  zod: { rooms: ['config', 'linux'], reason: 'shapes are checked where they come in: config/ and linux/' },
  yaml: { rooms: ['config'], reason: 'what the operator writes is read in config/' },
  commander: { rooms: ['cli'], reason: 'the command line is cli/' },
  hono: { rooms: ['api'], reason: 'HTTP is spoken in api/' },
  '@hono/node-server': { rooms: ['api'], reason: 'HTTP is spoken in api/' },
};

/** Modules of Node.js that not even every impure room may use. */
const moduleRooms: Readonly<Record<string, { rooms: readonly string[]; reason: string }>> = {
  'node:child_process': { rooms: ['linux'], reason: 'only linux/ runs programs' },
  'node:ffi': { rooms: ['linux'], reason: 'only linux/ loads FFI' },
  'node:worker_threads': {
    rooms: ['linux', 'dataplane', 'gateway'],
    reason: 'threads are started and run where rooms are wired',
  },
};

/** Globals that are a clock, a source of randomness or a machine; pure rooms get such things as arguments. */
const impureGlobals: readonly { pattern: RegExp; reason: string }[] = [
  { pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\./g, reason: 'time comes in as an argument' },
  { pattern: /\bset(?:Timeout|Interval|Immediate)\b/g, reason: 'a deadline is returned, not waited for' },
  { pattern: /\bMath\.random\b|(?<![\w.])crypto\./g, reason: 'random bytes come in as an argument' },
  { pattern: /(?<![\w.$'])process\.|\bfetch\(|\bBuffer\b/g, reason: 'deciding knows no machine' },
];

/** `file` is relative to src/; `text` its source. */
export function breaches(file: string, text: string): Breach[] {
  if (file.endsWith('.test.ts')) return [];
  const room = roomOf(file);
  const found: Breach[] = [];
  for (const { specifier, line } of importsOf(text)) {
    const reason = forbidden(file, room, specifier);
    if (reason !== undefined) found.push({ file, line, what: specifier, reason });
  }
  return isPure(room) ? [...found, ...impureUses(file, text)] : found;
}

/** Static and dynamic imports, re-exports, `require`, type imports, and workers by `new URL(…, import.meta.url)`. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const patterns = [
    /(?:^|[;}\s])(?:import|export)\b(?:\s+type\b)?[\s\w$*{},]*?\bfrom\s*(['"])([^'"\n]+)\1/g,
    /(?:^|[;}\s])import\s*(['"])([^'"\n]+)\1/g,
    /\b(?:import|require)\s*\(\s*(['"`])([^'"`\n]+)\1/g,
    /\bnew\s+URL\s*\(\s*(['"`])(\.[^'"`\n]*)\1\s*,\s*import\.meta\.url/g,
  ];
  return patterns.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => ({
      specifier: match[2] ?? '',
      line: lineAt(code, match.index + match[0].length),
    })),
  );
}

function forbidden(file: string, room: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return forbiddenNeighbour(file, room, specifier);
  const permit = packageRooms[packageOf(specifier)] ?? moduleRooms[specifier];
  if (permit !== undefined) return permit.rooms.includes(room) ? undefined : permit.reason;
  if (specifier.startsWith('node:'))
    return isPure(room)
      ? `deciding is pure: ${room}/ gets time, random bytes and packets as arguments`
      : undefined;
  return 'it is not a dependency that a room was chosen for; add it to the table with the reason';
}

function forbiddenNeighbour(file: string, room: string, specifier: string): string | undefined {
  const target = resolveFrom(file, specifier);
  if (target.startsWith('../')) {
    const isManifest = room === 'version.ts' && target === '../package.json';
    return isManifest
      ? undefined
      : 'src/ knows nothing outside of it: tests, laboratory and simulator know src/';
  }
  const other = roomOf(target);
  if (other === room || neighbours[room]?.includes(other)) return undefined;
  if (neighbours[room] === undefined)
    return `${room} is not in the table of rooms; add it with what it may import`;
  return neighbourReason(room, other);
}

function neighbourReason(room: string, other: string): string {
  if (other === 'cli') return 'the commands are the outermost room; nothing depends on them';
  if (isPure(room) && !isPure(other))
    return `deciding is pure: ${room}/ must run without the machine and the daemon`;
  if (room === 'linux') return `linux/ is thin: it is told what to do and does not know ${other}/`;
  if (other === 'gateway' || other === 'dataplane')
    return `wiring is in one room: ${other}/ knows ${room}/, not the other way round`;
  if (other === 'linux') return `only gateway/, dataplane/ and cli/ reach the machine through linux/`;
  return `the arrows go downward: ${room}/ may import ${neighbours[room]?.join(', ') || 'nothing'}`;
}

function impureUses(file: string, text: string): Breach[] {
  const code = withoutComments(text);
  return impureGlobals.flatMap(({ pattern, reason }) =>
    [...code.matchAll(pattern)].map((match) => ({
      file,
      line: lineAt(code, match.index),
      what: match[0],
      reason: `deciding is pure: ${reason}`,
    })),
  );
}

/** Comments become blanks, line breaks stay; strings are left as they are. */
function withoutComments(text: string): string {
  const tokens = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(tokens, (token) => (/^\/[/*]/.test(token) ? token.replace(/[^\n]/g, ' ') : token));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? file;
}

function isPure(room: string): boolean {
  return (pureRooms as readonly string[]).includes(room);
}

function packageOf(specifier: string): string {
  const [scope = '', name = ''] = specifier.split('/');
  return scope.startsWith('@') ? `${scope}/${name}` : scope;
}

/** Relative to src/; what is outside begins with `../`. */
function resolveFrom(file: string, specifier: string): string {
  const steps = file.split('/').slice(0, -1);
  for (const step of specifier.split('/')) {
    if (step === '.' || step === '') continue;
    if (step === '..' && steps.length > 0 && steps.at(-1) !== '..') steps.pop();
    else steps.push(step);
  }
  return steps.join('/');
}
