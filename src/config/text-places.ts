/** Offsets in a text as lines and columns, both from 1; a column counts characters (code points), not UTF-16 units. */

export class TextPlaces {
  readonly #text: string;
  readonly #lineStarts: number[] = [0];

  constructor(text: string) {
    this.#text = text;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1))
      this.#lineStarts.push(end + 1);
  }

  placeOf(offset: number): { line: number; column: number } {
    const line = this.lineOf(offset);
    const before = this.#text.slice(this.#lineStarts[line - 1], offset);
    return { line, column: [...before].length + 1 };
  }

  lineOf(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}
