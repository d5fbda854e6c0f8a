/**
 * Asking until the answer is the wanted one.
 *
 * Contract: asks at least every `everyMillis`, but spends a fifth of the time with it at the most: in the virtual machine an answer
 * takes longer than a pause, and who asks all the time keeps from working whoever he waits for.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSES_PER_ANSWER = 4;

/** @returns the first answer that is not undefined, or undefined when the time is over; an answer is had in any case */
export async function askUntil<Answer>(
  ask: () => Promise<Answer | undefined>,
  withinMillis: number,
  everyMillis = 50,
): Promise<Answer | undefined> {
  const deadline = performance.now() + withinMillis;
  for (;;) {
    const begin = performance.now();
    const answer = await ask();
    const end = performance.now();
    if (answer !== undefined || end > deadline) return answer;
    await sleep(Math.max(everyMillis, PAUSES_PER_ANSWER * (end - begin)));
  }
}
