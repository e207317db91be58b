/**
 * A list as a table: filter row, sortable heads, only the visible rows drawn, filter and order kept in the address.
 * Works the same with nothing, one row and 10,000.
 */
import { Box, Group, Table, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useMemo, useRef } from 'react';
import { useTranslation } from 'react-i18next';

export interface Column<Row> {
  key: string;
  title: string;
  /** What filter and order go by. */
  text: (row: Row) => string | number;
  cell?: (row: Row) => ReactNode;
  /** CSS width; the rest share what is left. */
  width?: string;
}

interface ListTableProps<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  idOf: (row: Row) => string;
  count: (shown: number, total: number) => string;
}

const ROW_PX = 49;

export function ListTable<Row>({ label, rows, columns, idOf, count }: ListTableProps<Row>) {
  const { t } = useTranslation();
  const { filter = '', sort = '' } = useSearch({ strict: false });
  const navigate = useNavigate();
  const change = (next: { filter?: string; sort?: string }) =>
    void navigate({
      to: '.',
      search: { ...(filter ? { filter } : {}), ...(sort ? { sort } : {}), ...next },
      replace: true,
    });
  const shown = useMemo(() => arranged(rows, columns, filter, sort), [rows, columns, filter, sort]);

  const viewport = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  const visible = virtual.getVirtualItems();
  const above = visible[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (visible.at(-1)?.end ?? 0);

  return (
    <Box>
      <Group justify="space-between" mb="sm">
        <TextInput
          aria-label={t('common.filter')}
          placeholder={t('common.filter')}
          value={filter}
          onChange={(event) => change({ filter: event.currentTarget.value })}
        />
        <Text size="sm" role="status">
          {count(shown.length, rows.length)}
        </Text>
      </Group>
      <Box
        ref={viewport}
        style={{ maxHeight: '68vh', overflow: 'auto' }}
        tabIndex={0}
        role="region"
        aria-label={label}
      >
        <Table
          stickyHeader
          highlightOnHover
          aria-label={label}
          aria-rowcount={shown.length + 1}
          miw={720}
          layout="fixed"
        >
          <Table.Thead>
            <Table.Tr>
              {columns.map((column) => (
                <Head
                  key={column.key}
                  column={column}
                  sort={sort}
                  onSort={(next) => change({ sort: next })}
                />
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {above > 0 && <tr aria-hidden style={{ height: above }} />}
            {visible.map(({ index }) => {
              const row = shown[index];
              return row === undefined ? null : (
                <Table.Tr key={idOf(row)} aria-rowindex={index + 2} h={ROW_PX}>
                  {columns.map((column) => (
                    <Table.Td
                      key={column.key}
                      style={{ overflow: 'hidden', textOverflow: 'ellipsis' }}
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
        {shown.length === 0 && <Text p="md">{t('common.nothingMatches', { text: filter })}</Text>}
      </Box>
    </Box>
  );
}

function Head<Row>({
  column,
  sort,
  onSort,
}: {
  column: Column<Row>;
  sort: string;
  onSort: (sort: string) => void;
}) {
  const isUp = sort === column.key;
  const isDown = sort === `-${column.key}`;
  const order = isUp ? 'ascending' : isDown ? 'descending' : 'none';
  if (column.title === '') return <Table.Th w={column.width} />;
  return (
    <Table.Th aria-sort={order} w={column.width}>
      <UnstyledButton fw={600} fz="sm" onClick={() => onSort(isUp ? `-${column.key}` : column.key)}>
        {column.title}
        <span aria-hidden>{isUp ? ' ↑' : isDown ? ' ↓' : ''}</span>
      </UnstyledButton>
    </Table.Th>
  );
}

function arranged<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  filter: string,
  sort: string,
): readonly Row[] {
  const needle = filter.trim().toLowerCase();
  const kept =
    needle === ''
      ? rows
      : rows.filter((row) =>
          columns.some((column) => String(column.text(row)).toLowerCase().includes(needle)),
        );
  const by = columns.find((column) => column.key === sort.replace(/^-/, ''));
  if (!by) return kept;
  const direction = sort.startsWith('-') ? -1 : 1;
  return [...kept].sort((a, b) => direction * compare(by.text(a), by.text(b)));
}

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number'
    ? a - b
    : String(a).localeCompare(String(b), undefined, { numeric: true });
}
