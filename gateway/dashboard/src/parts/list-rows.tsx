/** A list as a table. Rows above and below the visible ones are one empty row each, as high as they would be. */
import { Box, Table, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { Column, Shown } from './list-column.ts';

const ROW_PX = 49;

export function ListRows<Row>({ label, rows, columns, idOf, sort, onSort }: Shown<Row>) {
  const viewport = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const visible = virtual.getVirtualItems();
  const above = visible[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (visible.at(-1)?.end ?? 0);
  return (
    <Box ref={viewport} className="list-viewport" tabIndex={0} role="region" aria-label={label}>
      <Table
        stickyHeader
        highlightOnHover
        aria-label={label}
        aria-rowcount={rows.length + 1}
        miw={700}
        layout="fixed"
      >
        <Table.Thead>
          <Table.Tr aria-rowindex={1}>
            {columns.map((column) => (
              <Head key={column.key} column={column} sort={sort} onSort={onSort} />
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {above > 0 && <tr aria-hidden style={{ height: above }} />}
          {visible.map(({ index }) => {
            const row = rows[index];
            return row === undefined ? null : (
              <Table.Tr key={idOf(row)} aria-rowindex={index + 2} h={ROW_PX}>
                {columns.map((column) => (
                  <Table.Td
                    key={column.key}
                    className="list-cell"
                    title={column.cell ? undefined : String(column.text(row))}
                  >
                    {column.cell ? column.cell(row) : column.text(row)}
                  </Table.Td>
                ))}
              </Table.Tr>
            );
          })}
          {below > 0 && <tr aria-hidden style={{ height: below }} />}
        </Table.Tbody>
      </Table>
    </Box>
  );
}

interface HeadProps<Row> {
  column: Column<Row>;
  sort: string;
  onSort: (sort: string) => void;
}

function Head<Row>({ column, sort, onSort }: HeadProps<Row>) {
  const { t } = useTranslation();
  const isUp = sort === column.key;
  const isDown = sort === `-${column.key}`;
  if (column.title === '')
    return (
      <Table.Th w={column.width}>
        <VisuallyHidden>{t('common.actions')}</VisuallyHidden>
      </Table.Th>
    );
  return (
    <Table.Th aria-sort={isUp ? 'ascending' : isDown ? 'descending' : 'none'} w={column.width}>
      <UnstyledButton
        fw={600}
        fz="sm"
        className="list-head"
        onClick={() => onSort(isUp ? `-${column.key}` : column.key)}
      >
        {column.title}
        <span aria-hidden>{isUp ? ' ↑' : isDown ? ' ↓' : ''}</span>
      </UnstyledButton>
    </Table.Th>
  );
}
