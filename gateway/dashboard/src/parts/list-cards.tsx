/** A list on a narrow screen, or a wide one at 200 %: each row a card, its facts below each other. */
import { Box, Group, NativeSelect, Stack } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Facts } from './facts.tsx';
import type { Column, Shown } from './list-column.ts';

const CARD_PX = 180;

export function ListCards<Row>({ label, rows, columns, idOf, sort, onSort }: Shown<Row>) {
  const { t } = useTranslation();
  const viewport = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => CARD_PX,
    overscan: 5,
  });
  const orders = columns
    .filter(({ title }) => title !== '')
    .flatMap(({ key, title }) => [
      { value: key, label: `${title} ↑` },
      { value: `-${key}`, label: `${title} ↓` },
    ]);
  return (
    <Stack gap="sm">
      <NativeSelect
        label={t('common.order')}
        data={[{ value: '', label: t('common.asGiven') }, ...orders]}
        value={sort}
        onChange={(event) => onSort(event.currentTarget.value)}
      />
      <Box ref={viewport} className="list-viewport" tabIndex={0} role="region" aria-label={label}>
        <Box role="list" aria-label={label} h={virtual.getTotalSize()} pos="relative">
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = rows[index];
            return row === undefined ? null : (
              <Box
                key={idOf(row)}
                ref={virtual.measureElement}
                data-index={index}
                role="listitem"
                aria-setsize={rows.length}
                aria-posinset={index + 1}
                className="list-card"
                style={{ transform: `translateY(${start}px)` }}
              >
                <Card row={row} columns={columns} />
              </Box>
            );
          })}
        </Box>
      </Box>
    </Stack>
  );
}

function Card<Row>({ row, columns }: { row: Row; columns: readonly Column<Row>[] }) {
  const [first, ...rest] = columns;
  const facts = rest.filter(({ title }) => title !== '');
  const actions = rest.filter(({ title }) => title === '');
  const shown = (column: Column<Row>) => (column.cell ? column.cell(row) : column.text(row));
  return (
    <>
      <Group justify="space-between" wrap="nowrap" mb={4}>
        <Box fw={600} style={{ overflowWrap: 'anywhere', minWidth: 0 }}>
          {first && shown(first)}
        </Box>
        {actions.map((column) => (
          <Box key={column.key}>{shown(column)}</Box>
        ))}
      </Group>
      <Facts facts={facts.map((column) => [column.title, shown(column)])} />
    </>
  );
}
