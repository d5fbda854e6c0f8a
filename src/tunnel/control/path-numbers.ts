/**
 * The numbers of a tunnel's paths.
 *
 * Contract: the same place (local link, remote link, family) has the same number for as long as this object lives,
 * that is over link failures and new sessions, so that figures and journal entries of a path stay together. Numbers
 * are given from 0 upwards. One object per tunnel, kept by the initiator.
 */
import { type PathPlace, placeKey } from './path-mapping.ts';

export class PathNumbers {
  readonly #numbers = new Map<string, number>();

  numberOf(place: PathPlace): number {
    const key = placeKey(place);
    const number = this.#numbers.get(key) ?? this.#numbers.size;
    this.#numbers.set(key, number);
    return number;
  }
}
