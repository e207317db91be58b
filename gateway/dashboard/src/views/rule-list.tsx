/** The rules in their order. Only what is visible is drawn, so 10,000 scroll like ten. */
import { Box, Group, Stack, Text, TextInput } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useDeferredValue, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Rule } from '../../../contract/admin-api.ts';
import { change, useChange } from '../api/queries.ts';
import { restoreRule } from '../history/reversal.ts';
import { Refusal } from '../parts/page.tsx';
import { useUndoNotice } from '../parts/undo-notice.tsx';
import { RuleCard } from './rule-card.tsx';
import { ruleWords, useNames } from './rule-words.ts';

const CARD_PX = 92;
/** A list that is seen whole needs no filter. */
const FILTER_FROM = 9;

export function RuleList({ all, edit }: { all: Rule[]; edit: (rule: Rule) => void }) {
  const { t } = useTranslation();
  const [filter, setFilter] = useState('');
  const shown = useShown(all, filter);
  const viewport = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => viewport.current,
    estimateSize: () => CARD_PX,
    overscan: 5,
  });
  const { move, remove, error } = useRuleChanges(all);
  return (
    <Stack gap="sm">
      <Refusal error={error} />
      {all.length >= FILTER_FROM && (
        <Group justify="space-between">
          <TextInput
            aria-label={t('common.filter')}
            placeholder={t('common.filter')}
            w={{ base: '100%', xs: 280 }}
            value={filter}
            onChange={(event) => setFilter(event.currentTarget.value)}
          />
          <Text size="sm" role="status">
            {t('overview.ofTotal', { count: shown.length, total: all.length })}
          </Text>
        </Group>
      )}
      <Box
        ref={viewport}
        className="list-viewport"
        tabIndex={0}
        role="region"
        aria-label={t('policy.title')}
      >
        <Box role="list" aria-label={t('policy.title')} h={virtual.getTotalSize()} pos="relative">
          {virtual.getVirtualItems().map(({ index, start }) => {
            const one = shown[index];
            if (!one) return null;
            const { rule, words, at } = one;
            return (
              <Box
                key={rule.id}
                ref={virtual.measureElement}
                data-index={index}
                role="listitem"
                aria-setsize={shown.length}
                aria-posinset={index + 1}
                className="rule-place"
                style={{ transform: `translateY(${start}px)` }}
              >
                <RuleCard
                  rule={rule}
                  words={words}
                  edit={() => edit(rule)}
                  remove={() => remove(rule)}
                  up={at > 0 ? () => move(at, -1) : undefined}
                  down={at < all.length - 1 ? () => move(at, 1) : undefined}
                />
              </Box>
            );
          })}
        </Box>
      </Box>
      {shown.length === 0 && <Text>{t('common.nothingMatches', { text: filter })}</Text>}
    </Stack>
  );
}

/** With their words, which are what one looks for, and their place among all. */
function useShown(all: readonly Rule[], filter: string) {
  const { t, i18n } = useTranslation();
  const names = useNames();
  const typed = useDeferredValue(filter.trim().toLowerCase());
  // biome-ignore lint/correctness/useExhaustiveDependencies: another language has other words
  const worded = useMemo(
    () => all.map((rule, at) => ({ rule, at, words: ruleWords(rule, names, t) })),
    [all, names, i18n.language],
  );
  return useMemo(
    () => worded.filter(({ rule, words }) => `${rule.name} ${words}`.toLowerCase().includes(typed)),
    [worded, typed],
  );
}

function useRuleChanges(all: readonly Rule[]) {
  const { t } = useTranslation();
  const tell = useUndoNotice();
  const order = useChange(change.orderRules);
  const removal = useChange(async (rule: Rule) => {
    await change.deleteRule(rule.id);
    tell(t('policy.removed', { name: rule.name }), () => restoreRule(rule));
  });
  const move = (at: number, by: number) => {
    const ids = all.map((rule) => rule.id);
    const [moved] = ids.splice(at, 1);
    if (moved) ids.splice(at + by, 0, moved);
    order.mutate(ids);
  };
  return { move, remove: removal.mutate, error: order.error ?? removal.error };
}
