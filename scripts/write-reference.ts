/**
 * Writes the reference documents that come from the code: `node scripts/write-reference.ts`.
 *
 * A test (reference.test.ts) fails when a committed document differs from what this would write.
 */

import { writeFileSync } from 'node:fs';
import { configurationReference } from './configuration-reference.ts';
import { errorReference } from './error-reference.ts';

export type ReferenceDocument = { readonly url: URL; readonly content: string };

export function referenceDocuments(): ReferenceDocument[] {
  return [
    { url: new URL('../docs/configuration.md', import.meta.url), content: configurationReference() },
    { url: new URL('../docs/errors.md', import.meta.url), content: errorReference() },
  ];
}

if (import.meta.main) {
  for (const { url, content } of referenceDocuments()) writeFileSync(url, content);
}
