/** `./run check`: types, lint and format, dead code, forbidden imports; exit status 0 when all is clean. */

import { join } from 'node:path';
import { runChecks } from './checks.ts';
import { root } from './root.ts';
import { showResult } from './show-result.ts';
import { runTestFile } from './test-file.ts';

const imports = 'test/imports.test.ts';
const results = await runChecks(showResult);
const importsResult = { ...(await runTestFile(join(root, imports), 60_000)), file: imports };
showResult(importsResult);
process.exitCode = [...results, importsResult].some((result) => result.failed > 0) ? 1 : 0;
