import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BackstayError } from '../errors.ts';
import { checkConfigFile, loadConfigFile } from './config-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'backstay-config-'));
after(() => rmSync(directory, { recursive: true }));

const valid =
  'gateway: {name: lyon, identity: /etc/backstay/identity.pem}\nlinks: {fibre: {interface: eth1}}\n';

function written(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function refusal(path: string): BackstayError {
  try {
    loadConfigFile(path);
  } catch (error) {
    assert.ok(error instanceof BackstayError, String(error));
    assert.equal(error.place, path);
    return error;
  }
  return assert.fail(`${path} was accepted`);
}

test('a valid file gives its configuration, with or without a byte order mark', () => {
  assert.equal(loadConfigFile(written('valid.yaml', valid)).gateway.name, 'lyon');
  assert.equal(loadConfigFile(written('bom.yaml', `\ufeff${valid}`)).links[0]?.interface, 'eth1');
});

test('a file that cannot be read is told by its reason', () => {
  const table: [path: string, message: string][] = [
    [join(directory, 'absent.yaml'), 'there is no such file.'],
    [directory, 'this is a directory, not a file.'],
    [join(written('file', 'x'), 'below'), 'a part of the path is not a directory.'],
    [
      written('latin.yaml', Buffer.from('gateway:\n  name: caf\xe9\n', 'latin1')),
      'the file is not UTF-8 text (line 2).',
    ],
    [
      written('huge.yaml', Buffer.alloc(4 * 1_048_576 + 5, '#')),
      'the file is larger than any configuration.',
    ],
  ];
  for (const [path, message] of table) {
    const error = refusal(path);
    assert.equal(error.code, 'BS_CONFIG_UNREADABLE');
    assert.equal(error.message, message);
  }
});

test('a file that others keep from this user is told so', {
  skip: process.getuid?.() === 0 && 'root reads all',
}, () => {
  const path = written('secret.yaml', valid);
  chmodSync(path, 0o000);
  assert.equal(refusal(path).message, 'this user may not read the file.');
});

test('mistakes are all in the message, each with its place', () => {
  const path = written('wrong.yaml', 'gateway: {name: Lyon, identity: /x}\nlinks: {}\n');
  const error = refusal(path);
  assert.equal(error.code, 'BS_CONFIG_INVALID');
  assert.match(
    error.message,
    /^2 mistakes:\n {2}.*wrong\.yaml:1:17 gateway\.name: .*\n {2}.*wrong\.yaml:2:8 links: /,
  );
  assert.equal(checkConfigFile(path).ok, false);
});

test('more than the text limit is a mistake of the content', () => {
  const error = refusal(written('long.yaml', `${valid}#${'x'.repeat(1_048_576)}`));
  assert.match(error.message, /larger than 1 MiB/);
});
