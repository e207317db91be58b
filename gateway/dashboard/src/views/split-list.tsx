/** One list of a split tunnel. Only what is visible is drawn, so 10,000 entries scroll like ten. */
import { ActionIcon, Box, Group, Paper, Stack, Text, TextInput, Title } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useDeferredValue, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SplitEntry } from '../../../contract/snapshot.ts';
import { SplitAdder } from './split-adder.tsx';
import { entryText } from './split-entry.ts';
import type { SplitListProps } from './split-list-props.ts';

const ROW_PX = 36;
/** A list that is seen whole needs no filter. */
const FILTER_FROM = 9;

export const SplitList = memo(function SplitList({ which, entries, onChange }: SplitListProps) {
  const { t } = useTranslation();
  const [filter, setFilter] = useState('');
  const shown = useMatching(entries, filter);
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={3} size="h5">
            {t(`profiles.${which}`)}
          </Title>
          <Text size="xs" c="dimmed" role="status">
            {filter === ''
              ? t('profiles.entries', { count: entries.length })
              : t('overview.ofTotal', { count: shown.length, total: entries.length })}
          </Text>
        </Group>
        <Text size="sm">{t(`profiles.${which}Text`)}</Text>
        {entries.length >= FILTER_FROM && (
          <TextInput
            size="xs"
            aria-label={t('profiles.filter', { list: t(`profiles.${which}`) })}
            placeholder={t('common.filter')}
            value={filter}
            onChange={(event) => setFilter(event.currentTarget.value)}
          />
        )}
        {entries.length === 0 ? (
          <Text size="sm" c="dimmed">
            {t('profiles.empty')}
          </Text>
        ) : (
          <Entries
            which={which}
            shown={shown}
            remove={(gone) =>
              onChange(
                which,
                entries.filter((entry) => entry !== gone),
              )
            }
          />
        )}
        <SplitAdder which={which} entries={entries} onChange={onChange} />
      </Stack>
    </Paper>
  );
});

function useMatching(entries: readonly SplitEntry[], filter: string): readonly SplitEntry[] {
  const needle = useDeferredValue(filter).trim().toLowerCase();
  return useMemo(
    () =>
      needle === ''
        ? entries
        : entries.filter((entry) =>
            `${entryText(entry)} ${entry.note ?? ''}`.toLowerCase().includes(needle),
          ),
    [entries, needle],
  );
}

interface EntriesProps {
  which: 'include' | 'exclude';
  shown: readonly SplitEntry[];
  remove: (entry: SplitEntry) => void;
}

function Entries({ which, shown, remove }: EntriesProps) {
  const { t } = useTranslation();
  const viewport = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  });
  return (
    <Box
      ref={viewport}
      mah={300}
      style={{ overflow: 'auto' }}
      tabIndex={0}
      role="list"
      aria-label={t(`profiles.${which}`)}
    >
      <Box h={virtual.getTotalSize()} pos="relative" role="presentation">
        {virtual.getVirtualItems().map(({ index, start }) => {
          const entry = shown[index];
          if (!entry) return null;
          return (
            <Group
              key={entryText(entry)}
              role="listitem"
              aria-setsize={shown.length}
              aria-posinset={index + 1}
              justify="space-between"
              wrap="nowrap"
              h={ROW_PX}
              w="100%"
              pos="absolute"
              top={start}
            >
              <Text ff="monospace" size="sm" truncate title={entryText(entry)}>
                {entryText(entry)}
              </Text>
              <Text size="xs" c="dimmed" truncate style={{ flex: 1 }} title={entry.note}>
                {entry.note}
              </Text>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('profiles.remove', { entry: entryText(entry) })}
                onClick={() => remove(entry)}
              >
                <IconTrash size={16} />
              </ActionIcon>
            </Group>
          );
        })}
      </Box>
    </Box>
  );
}
