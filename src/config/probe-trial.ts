/** Other settings for a probe, as `backstay link try` gives them: those that its record can be judged by again. */

import { z } from 'zod';
import type { ProbeConfig } from './config.ts';
import { probeSchema } from './probe-section.ts';

const { shape } = probeSchema;

const trialSchema = z.strictObject({
  rule: shape.rule.unwrap().optional(),
  answers: shape.answers.unwrap().optional(),
  interval: shape.interval.unwrap().optional(),
  retries: shape.retries.unwrap().optional(),
  recover: shape.recover.unwrap().optional(),
  hold: shape.hold.unwrap().optional(),
  'hold-most': shape['hold-most'].unwrap().optional(),
  calm: shape.calm.unwrap().optional(),
  'loss-above': shape['loss-above'].unwrap().optional(),
  'loss-below': shape['loss-below'].unwrap().optional(),
  'delay-above': shape['delay-above'],
  'delay-below': shape['delay-below'],
});

const trialSettings = Object.keys(trialSchema.shape);

export type ProbeTrial =
  | { readonly ok: true; readonly apply: (config: ProbeConfig) => ProbeConfig }
  /** `place` is the setting. */
  | { readonly ok: false; readonly place: string; readonly message: string };

/** @param words values as they are written in the configuration */
export function parseProbeTrial(words: Readonly<Record<string, string>>): ProbeTrial {
  const input = Object.entries(words).map(([key, word]) => [
    key,
    /^\d{1,9}$/.test(word) ? Number(word) : word,
  ]);
  const parsed = trialSchema.safeParse(Object.fromEntries(input));
  if (parsed.success) return { ok: true, apply: (config) => applied(config, parsed.data) };
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  if (unknown !== undefined)
    return {
      ok: false,
      place: unknown,
      message: `There is no such setting, allowed: ${trialSettings.join(', ')}.`,
    };
  const place = String(issue?.path[0] ?? '');
  return { ok: false, place, message: `${place} ${issue?.message ?? 'is wrong'}.` };
}

function applied(config: ProbeConfig, trial: z.output<typeof trialSchema>): ProbeConfig {
  const aboveMillis = trial['delay-above'] ?? config.delay?.aboveMillis;
  const belowMillis =
    trial['delay-below'] ?? Math.min(config.delay?.belowMillis ?? Infinity, (aboveMillis ?? 0) * 0.8);
  return {
    ...config,
    rule: trial.rule ?? config.rule,
    answers: trial.answers ?? config.answers,
    intervalMillis: trial.interval ?? config.intervalMillis,
    retries: trial.retries ?? config.retries,
    recover: trial.recover ?? config.recover,
    holdMillis: trial.hold ?? config.holdMillis,
    holdMostMillis: Math.max(trial['hold-most'] ?? config.holdMostMillis, trial.hold ?? 0),
    calmMillis: trial.calm ?? config.calmMillis,
    lossAbove: trial['loss-above'] ?? config.lossAbove,
    lossBelow: Math.min(trial['loss-below'] ?? config.lossBelow, trial['loss-above'] ?? 1),
    delay: aboveMillis === undefined ? undefined : { aboveMillis, belowMillis },
  };
}
