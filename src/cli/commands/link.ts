/**
 * `backstay link explain`: why a link is up, degraded or down. `backstay link try`: what other settings would have led to.
 * `backstay link use` and `release`: which link carries plain traffic to the internet.
 *
 * Contract: `explain` returns 1 when the link is down, otherwise 0.
 */

import type { LinkDocument, TrialDocument } from '../../api/link-document.ts';
import { exitStatus } from '../../errors.ts';
import { getDocument, postDocument } from '../daemon-client.ts';
import { formatLink, formatTrial } from '../link-text.ts';
import type { Terminal } from '../terminal.ts';

type Options = { readonly socket: string; readonly json?: boolean };

export async function explainLink(name: string, options: Options, terminal: Terminal): Promise<number> {
  const document = await getDocument<LinkDocument>(options.socket, `/v1/links/${encodeURIComponent(name)}`);
  terminal.out(options.json ? asJson(document) : formatLink(document, terminal.palette));
  const { state, probe } = document.link;
  return state === 'down' || probe?.verdict === 'down' ? exitStatus.failure : 0;
}

/** @param settings the options as they were written, by the names that they have in the configuration */
export async function tryLink(
  name: string,
  options: Options,
  settings: Readonly<Record<string, string>>,
  terminal: Terminal,
): Promise<void> {
  const query = new URLSearchParams(settings);
  const path = `/v1/links/${encodeURIComponent(name)}/trial?${query}`;
  const document = await getDocument<TrialDocument>(options.socket, path);
  terminal.out(options.json ? asJson(document) : formatTrial(document, terminal.palette));
}

export async function useLink(name: string, { socket }: Options, terminal: Terminal): Promise<void> {
  await postDocument(socket, `/v1/links/${encodeURIComponent(name)}/use`);
  terminal.out(`Link ${name} carries the internet as long as it works, until \`backstay link release\`.\n`);
}

export async function releaseLink({ socket }: Options, terminal: Terminal): Promise<void> {
  await postDocument(socket, '/v1/internet/release');
  terminal.out('The tiers of the configuration decide again.\n');
}

function asJson(document: object): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
