/** One list of a split tunnel. Only what is visible is drawn, so 10,000 entries scroll like ten. */
import { ActionIcon, Box, Button, Group, Paper, Stack, Text, TextInput } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type FormEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { SplitEntry } from '../../../contract/snapshot.ts';
import { entryText, readEntry } from './split-entry.ts';

interface SplitListProps {
  which: 'include' | 'exclude';
  entries: SplitEntry[];
  onChange: (entries: SplitEntry[]) => void;
}

export function SplitList({ which, entries, onChange }: SplitListProps) {
  const { t } = useTranslation();
  return (
    <Paper withBorder p="md">
      <Stack gap="sm">
        <Group justify="space-between">
          <Text fw={600}>{t(`profiles.${which}`)}</Text>
          <Text size="xs" c="dimmed">
            {t('profiles.entries', { count: entries.length })}
          </Text>
        </Group>
        <Text size="sm">{t(`profiles.${which}Text`)}</Text>
        {entries.length === 0 ? (
          <Text size="sm" c="dimmed">
            {t('profiles.empty')}
          </Text>
        ) : (
          <Entries which={which} entries={entries} onChange={onChange} />
        )}
        <Adder which={which} entries={entries} onChange={onChange} />
      </Stack>
    </Paper>
  );
}

function Entries({ which, entries, onChange }: SplitListProps) {
  const { t } = useTranslation();
  const viewport = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: entries.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => 36,
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
      <Box h={virtual.getTotalSize()} pos="relative">
        {virtual.getVirtualItems().map(({ index, start }) => {
          const entry = entries[index];
          if (!entry) return null;
          return (
            <Group
              key={entryText(entry)}
              role="listitem"
              justify="space-between"
              wrap="nowrap"
              h={36}
              w="100%"
              pos="absolute"
              top={start}
            >
              <Text ff="monospace" size="sm" truncate>
                {entryText(entry)}
              </Text>
              <Text size="xs" c="dimmed" truncate style={{ flex: 1 }}>
                {entry.note}
              </Text>
              <ActionIcon
                variant="subtle"
                color="gray"
                aria-label={t('profiles.remove', { entry: entryText(entry) })}
                onClick={() => onChange(entries.filter((one) => one !== entry))}
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

function Adder({ which, entries, onChange }: SplitListProps) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const entry = readEntry(text);
    if (!entry) return setProblem(t('profiles.badEntry'));
    if (entries.some((one) => entryText(one) === entryText(entry)))
      return setProblem(t('profiles.already', { entry: entryText(entry) }));
    setProblem(undefined);
    setText('');
    onChange([...entries, entry]);
  };
  return (
    <form onSubmit={submit}>
      <Group align="flex-end" gap="xs" wrap="nowrap">
        <TextInput
          style={{ flex: 1 }}
          label={t('profiles.entryLabel', { list: t(`profiles.${which}`) })}
          placeholder={t('profiles.entryPlaceholder')}
          value={text}
          error={problem}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Button type="submit" variant="default">
          {t('profiles.add')}
        </Button>
      </Group>
    </form>
  );
}
