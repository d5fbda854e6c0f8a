/** A table of text in aligned columns, two spaces apart; colours do not count as width. */

export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

/** Lines without trailing blanks; `indent` goes before each of them. */
export function formatColumns(rows: readonly (readonly Cell[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, textOf(cell).length);
  return rows.map((row) => `${indent}${formatRow(row, widths)}\n`).join('');
}

function formatRow(row: readonly Cell[], widths: readonly number[]): string {
  const last = row.findLastIndex((cell) => textOf(cell) !== '');
  return row
    .slice(0, last + 1)
    .map((cell, column) => {
      const gap = ' '.repeat(column === last ? 0 : (widths[column] ?? 0) - textOf(cell).length);
      return (typeof cell === 'string' ? cell : cell.paint(cell.text)) + gap;
    })
    .join('  ');
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}
