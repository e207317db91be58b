/** Which rows of a list are shown, and in which order. */

export interface Sortable<Row> {
  key: string;
  /** What filter and order go by: depends on the row and the language alone. */
  text: (row: Row) => string | number;
}

/** What a filter looks through; made once for many keystrokes. */
export function haystacks<Row>(
  rows: readonly Row[],
  columns: readonly Sortable<Row>[],
): readonly string[] {
  return rows.map((row) =>
    columns
      .map((column) => column.text(row))
      .join('\n')
      .toLowerCase(),
  );
}

/** Every word of the filter has to occur somewhere in the row. */
export function filtered<Row>(
  rows: readonly Row[],
  texts: readonly string[],
  filter: string,
): readonly Row[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return rows;
  return rows.filter((_row, at) => words.every((word) => texts[at]?.includes(word)));
}

/** `sort`: a column's key, after `-` for the other way round. */
export function ordered<Row>(
  rows: readonly Row[],
  columns: readonly Sortable<Row>[],
  sort: string,
): readonly Row[] {
  const by = columns.find((column) => column.key === sort.replace(/^-/, ''));
  if (!by) return rows;
  const direction = sort.startsWith('-') ? -1 : 1;
  const keyed = rows.map((row) => ({ row, key: by.text(row) }));
  return keyed.sort((a, b) => direction * compare(a.key, b.key)).map(({ row }) => row);
}

const collator = new Intl.Collator(undefined, { numeric: true });

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return collator.compare(String(a), String(b));
}
