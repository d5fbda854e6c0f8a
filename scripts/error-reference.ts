/** docs/errors.md, written from the catalogue of error codes. Pure. */

import { errorCatalogue, exitStatus } from '../src/errors.ts';

export function errorReference(): string {
  const codes = Object.entries(errorCatalogue).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const entries = codes.map(
    ([code, { summary, remedy, exitStatus: status }]) =>
      `## ${code}\n\n${summary}\n\n**What to do:** ${remedy}\n\nExit status of a command: ${status}.\n`,
  );
  return [introduction, ...entries].join('\n');
}

const statuses = Object.entries(exitStatus)
  .map(([name, status]) => `| ${status} | ${name} |`)
  .join('\n');

const introduction = `# Errors

<!-- Written by scripts/write-reference.ts from src/errors.ts; change it there. -->

Every error that an operator can meet has a code that stays the same in all versions. Messages name the code, the place
and what to do; they may be worded better in a later version.

| exit status | meaning |
| --- | --- |
| 0 | done |
${statuses}
`;
