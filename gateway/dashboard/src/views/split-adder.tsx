/** Adds to a list: one entry typed, or thousands pasted, with notes after `#`. */
import { Button, Group, Textarea } from '@mantine/core';
import { type FormEvent, type KeyboardEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { entryText, readEntries } from './split-entry.ts';
import type { SplitListProps } from './split-list-props.ts';

const LONGEST_LIST = 10_000;
/** Of what could not be read, enough to recognise it. */
const NAMED = 3;

export function SplitAdder({ which, entries, onChange }: SplitListProps) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<string>();
  const add = () => {
    const { entries: typed, unread } = readEntries(text);
    const known = new Set(entries.map(entryText));
    const fresh = [...new Map(typed.map((entry) => [entryText(entry), entry])).values()].filter(
      (entry) => !known.has(entryText(entry)),
    );
    if (unread.length > 0 || typed.length === 0)
      return setProblem(
        typed.length + unread.length <= 1
          ? t('profiles.badEntry')
          : t('profiles.badEntries', {
              count: unread.length,
              some: unread.slice(0, NAMED).join(', '),
            }),
      );
    if (fresh.length === 0)
      return setProblem(
        t('profiles.already', { entry: typed.map(entryText).slice(0, NAMED).join(', ') }),
      );
    if (entries.length + fresh.length > LONGEST_LIST)
      return setProblem(t('profiles.tooMany', { most: LONGEST_LIST }));
    setProblem(undefined);
    setText('');
    onChange(which, [...entries, ...fresh]);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add();
  };
  return (
    <form onSubmit={submit}>
      <Group align="flex-end" gap="xs">
        <Textarea
          style={{ flex: '1 1 12rem' }}
          autosize
          minRows={1}
          maxRows={6}
          label={t('profiles.entryLabel', { list: t(`profiles.${which}`) })}
          description={t('profiles.entryHelp')}
          placeholder={t('profiles.entryPlaceholder')}
          value={text}
          error={problem}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (isPlainEnter(event)) {
              event.preventDefault();
              add();
            }
          }}
        />
        <Button type="submit" variant="default">
          {t('profiles.add')}
        </Button>
      </Group>
    </form>
  );
}

/** Shift Enter makes a new line, and an Enter that ends a Japanese conversion is none. */
function isPlainEnter(event: KeyboardEvent): boolean {
  return event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing;
}
