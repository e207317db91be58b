/** What a list is made of, in whichever shape it is drawn. */
import type { ReactNode } from 'react';
import type { Sortable } from './list-order.ts';

export interface Column<Row> extends Sortable<Row> {
  /** Empty for what one does with a row. */
  title: string;
  cell?: (row: Row) => ReactNode;
  /** CSS width; the rest share what is left. */
  width?: string;
}

/** What both shapes of a list need. */
export interface Shown<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  idOf: (row: Row) => string;
  sort: string;
  onSort: (sort: string) => void;
}
