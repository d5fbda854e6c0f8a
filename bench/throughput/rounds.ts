/**
 * The rounds of a comparison, one contender after the other in each, so that a disturbance of the machine hits all alike.
 * Every other round goes the other way round: on some machines who comes second is a tenth faster than who comes first.
 *
 * Contract: pure apart from what `measure` does. A contender that fails is not asked again, keeps the values it has, and
 * is named with its reason; the others go on.
 */
export type Failure = { readonly id: string; readonly reason: string };

export type Rounds<Values> = {
  /** By the contender's id, one entry per round. */
  readonly values: ReadonlyMap<string, readonly Values[]>;
  readonly failures: readonly Failure[];
};

export async function interleave<Contender extends { readonly id: string }, Values>(
  contenders: readonly Contender[],
  rounds: number,
  measure: (contender: Contender, round: number) => Promise<Values>,
): Promise<Rounds<Values>> {
  const values = new Map<string, Values[]>(contenders.map(({ id }) => [id, []]));
  const failures = new Map<string, Failure>();
  for (let round = 1; round <= rounds; round++) {
    for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
      const { id } = contender;
      if (failures.has(id)) continue;
      try {
        values.get(id)!.push(await measure(contender, round));
      } catch (error) {
        failures.set(id, { id, reason: error instanceof Error ? error.message : String(error) });
      }
    }
  }
  return { values, failures: [...failures.values()] };
}
