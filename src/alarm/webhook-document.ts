/**
 * What a webhook is sent; docs/alarms.md is its reference.
 *
 * Contract: fields are added within version 1, never renamed. `id` is the same when the same alarm comes twice, as it may when an
 * answer was lost.
 */

import { nameSubject } from '../journal/subject.ts';
import type { SentAlarm } from './alarm.ts';

export type WebhookDocument = Omit<SentAlarm, 'about' | 'sequence'> & {
  readonly version: 1;
  readonly id: string;
  readonly gateway: string;
  /** The subject in words. */
  readonly name: string;
  /** So that chat systems show it. */
  readonly text: string;
};

export function webhookDocument(alarm: SentAlarm, gateway: string): WebhookDocument {
  const { about: _, sequence, ...told } = alarm;
  return {
    version: 1,
    id: `${gateway}/${sequence}/${alarm.at}`,
    gateway,
    name: nameSubject(alarm.subject),
    ...told,
  };
}
