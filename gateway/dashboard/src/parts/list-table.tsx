/**
 * A list: filter, order, only the visible rows drawn, filter and order kept in the address. A table where there is room
 * for one, cards where there is not. Works the same with nothing, one row and 10,000.
 */
import { Box, CloseButton, Group, Text, TextInput } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useDeferredValue, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { ListCards } from './list-cards.tsx';
import type { Column } from './list-column.ts';
import { filtered, haystacks, ordered } from './list-order.ts';
import { ListRows } from './list-rows.tsx';

interface ListTableProps<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  idOf: (row: Row) => string;
  count: (shown: number, total: number) => string;
}

export function ListTable<Row>({ label, rows, columns, idOf, count }: ListTableProps<Row>) {
  const { t } = useTranslation();
  const { filter, sort, change } = useListAddress();
  const isNarrow = useMediaQuery('(max-width: 48em)', false, { getInitialValueInEffect: false });
  const shown = useShown(rows, columns, filter, sort);
  const parts = {
    label,
    rows: shown,
    columns,
    idOf,
    sort,
    onSort: (to: string) => change({ sort: to }),
  };
  return (
    <Box>
      <Group justify="space-between" mb="sm">
        <TextInput
          aria-label={t('common.filter')}
          placeholder={t('common.filter')}
          w={{ base: '100%', xs: 280 }}
          value={filter}
          onChange={(event) => change({ filter: event.currentTarget.value })}
          rightSection={
            filter !== '' && (
              <CloseButton
                size="sm"
                aria-label={t('common.clear')}
                onClick={() => change({ filter: '' })}
              />
            )
          }
        />
        <Text size="sm" role="status">
          {count(shown.length, rows.length)}
        </Text>
      </Group>
      {isNarrow ? <ListCards {...parts} /> : <ListRows {...parts} />}
      {shown.length === 0 && <Text p="md">{t('common.nothingMatches', { text: filter })}</Text>}
    </Box>
  );
}

function useListAddress() {
  const { filter = '', sort = '' } = useSearch({ strict: false });
  const navigate = useNavigate();
  const change = (next: { filter?: string; sort?: string }) => {
    const { filter: text, sort: by } = { filter, sort, ...next };
    const search = { ...(text ? { filter: text } : {}), ...(by ? { sort: by } : {}) };
    void navigate({ to: '.', search, replace: true });
  };
  return { filter, sort, change };
}

function useShown<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  filter: string,
  sort: string,
): readonly Row[] {
  // The key is the same in two languages never, and in one language always: columns are made anew with each drawing.
  const language = columns.map(({ title }) => title).join('\n');
  const typed = useDeferredValue(filter);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `language` stands for the columns
  const texts = useMemo(() => haystacks(rows, columns), [rows, language]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `language` stands for the columns
  const sorted = useMemo(
    () => ordered(filtered(rows, texts, typed), columns, sort),
    [rows, texts, typed, sort, language],
  );
  return sorted;
}
