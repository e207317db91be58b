/** Tables with thousands of rows are read a page at a time: SQLite answers in this very thread, which others need too. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Rows at a time: a few milliseconds. */
export const PAGE = 500;

/** `read` answers at most `PAGE` rows in the order of their ids, those after `last`. */
export async function* inPages<Row extends { id: string }>(
  read: (last: string) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  let last = '';
  for (;;) {
    const page = await read(last);
    if (page.length > 0) yield page;
    const end = page.at(-1);
    if (!end || page.length < PAGE) return;
    last = end.id;
    await nextTurn();
  }
}
