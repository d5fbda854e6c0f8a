/**
 * A change in a fixed order: each step is carried out, read back, and undone with those before it when it or a later one fails.
 *
 * Contract: steps run one after the other. A step whose `verify` names problems, or that throws a `BackstayError`, has failed;
 * then it and what was carried out before are undone in reverse, so that the machine is as before. From the step on
 * that is marked `stands` nothing is undone any more: the change has been made, and what fails then is told and left to be
 * done later. Source: S1.6 (the order), resilience of a change.
 */
import { BackstayError } from '../errors.ts';

/** In this order: resilience of the seed's steps 250 to 265 (S1.3 to S1.6). */
export const changeOrder = [
  'link',
  'routes',
  'rules',
  'masquerading',
  'tunnels',
  'defaultRoute',
  'connections',
  'oldLink',
  'journal',
] as const;

export type StepName = (typeof changeOrder)[number];

export type ChangeStep = {
  readonly name: StepName;
  readonly carryOut?: () => Promise<void> | void;
  /** What does not read back as it should. */
  readonly verify?: () => Promise<readonly string[]> | readonly string[];
  readonly undo?: () => Promise<void> | void;
  /** When this step is verified the change stands. */
  readonly stands?: true;
};

export type ChangeOutcome =
  | { readonly made: true; readonly problems: readonly BackstayError[] }
  | { readonly made: false; readonly step: StepName; readonly error: BackstayError };

export async function runChange(steps: readonly ChangeStep[]): Promise<ChangeOutcome> {
  const done: ChangeStep[] = [];
  const problems: BackstayError[] = [];
  let stands = false;
  for (const step of steps) {
    done.push(step);
    const error = await attempt(step);
    if (error === undefined) {
      stands ||= step.stands === true;
      continue;
    }
    if (stands) {
      problems.push(error);
      continue;
    }
    for (const made of done.toReversed()) await undo(made);
    return { made: false, step: step.name, error };
  }
  return { made: true, problems };
}

/** What cannot be undone now is put right by the next look at the network, which applies the state before. */
async function undo(step: ChangeStep): Promise<void> {
  try {
    await step.undo?.();
  } catch (error) {
    if (!(error instanceof BackstayError)) throw error;
  }
}

async function attempt({ carryOut, verify }: ChangeStep): Promise<BackstayError | undefined> {
  try {
    await carryOut?.();
    const wrong = (await verify?.()) ?? [];
    if (wrong.length === 0) return undefined;
    return new BackstayError('BS_INTERNET_UNCHANGED', `It does not read back: ${wrong.join('; ')}.`);
  } catch (error) {
    if (error instanceof BackstayError) return error;
    throw error;
  }
}
