/**
 * A program of a newer Debian release, for comparison, without installing anything.
 *
 * Contract: apt-get works with directories of its own, so the machine's packages and lists stay as they are. What was
 * fetched is kept in the laboratory's cache. Throws when it cannot be had (no network, no such package).
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../lab/command.ts';

const CACHE = '/var/cache/backstay-lab';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const VERSION_FILE = 'package-version';
const FETCH_TIMEOUT_MILLIS = 120_000;

export type NewerProgram = {
  /** Code name of the release. */
  readonly release: string;
  readonly packageName: string;
  /** Of the program in the package. */
  readonly path: string;
};

export async function programOfNewerDebian(
  wanted: NewerProgram,
): Promise<{ readonly program: string; readonly packageVersion: string }> {
  const unpacked = join(CACHE, `${wanted.release}-${wanted.packageName}`);
  if (!existsSync(join(unpacked, VERSION_FILE))) await fetchAndUnpack(wanted, unpacked);
  const packageVersion = readFileSync(join(unpacked, VERSION_FILE), 'utf8').trim();
  return { program: join(unpacked, wanted.path), packageVersion };
}

async function fetchAndUnpack(wanted: NewerProgram, unpacked: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'bs-newer-debian-'));
  try {
    await fetchPackage(wanted, directory);
    mkdirSync(CACHE, { recursive: true });
    const fresh = mkdtempSync(`${unpacked}-`);
    const archive = readdirSync(directory).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error(`no package ${wanted.packageName} was fetched`);
    await run('dpkg-deb', ['-x', join(directory, archive), fresh]);
    const { stdout } = await run('dpkg-deb', ['-f', join(directory, archive), 'Version']);
    writeFileSync(join(fresh, VERSION_FILE), stdout);
    rmSync(unpacked, { recursive: true, force: true });
    renameSync(fresh, unpacked);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function fetchPackage({ release, packageName }: NewerProgram, directory: string): Promise<void> {
  const sources = join(directory, 'sources.list');
  writeFileSync(sources, `deb [signed-by=${KEYRING}] http://deb.debian.org/debian ${release} main\n`);
  for (const folder of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(directory, folder), { recursive: true });
  const settings = {
    'Dir::Etc::SourceList': sources,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(directory, 'lists'),
    'Dir::Cache': join(directory, 'cache'),
    'APT::Sandbox::User': 'root',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const limits = { timeoutMillis: FETCH_TIMEOUT_MILLIS };
  await run('apt-get', ['-qq', ...options, 'update'], limits);
  await run(
    'sh',
    ['-c', 'cd "$0" && exec apt-get -qq "$@"', directory, ...options, 'download', packageName],
    limits,
  );
}
