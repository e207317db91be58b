/** One change: who, when, what was before, and the way back. */
import { Button, Drawer, Group, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { AuditEntry } from '../../../contract/admin-api.ts';
import { networks, people, profiles, rules, useChange } from '../api/queries.ts';
import { localeOf } from '../language/language.ts';
import { Refusal } from '../parts/page.tsx';
import { auditSentence } from './audit-words.ts';
import { differences } from './difference.ts';
import { reversalOf } from './reversal.ts';

const LINES = 100;

export function HistorySheet({
  entry,
  close,
}: {
  entry: AuditEntry | undefined;
  close: () => void;
}) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened={entry !== undefined}
      onClose={close}
      position="right"
      size="lg"
      title={entry && auditSentence(entry, t)}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      {entry && <Content key={entry.id} entry={entry} close={close} />}
    </Drawer>
  );
}

function Content({ entry, close }: { entry: AuditEntry; close: () => void }) {
  const { t, i18n } = useTranslation();
  return (
    <Stack>
      <Text size="sm">
        {t('activity.byAt', {
          who: entry.who,
          when: new Date(entry.at).toLocaleString(localeOf(i18n.language)),
        })}
      </Text>
      <Changes entry={entry} />
      <TakeBack entry={entry} close={close} />
    </Stack>
  );
}

function Changes({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation();
  const { data: allRules = [] } = useQuery(rules);
  const { data: allNetworks = [] } = useQuery(networks);
  const names = new Map([...allRules, ...allNetworks].map(({ id, name }) => [id, name]));
  const changes = differences(entry.before, entry.after);
  if (changes.length === 0) return <Text size="sm">{t('activity.noDetails')}</Text>;
  return (
    <Table layout="fixed" aria-label={t('activity.details')}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th w="7.5rem">{t('activity.field')}</Table.Th>
          <Table.Th>{t('activity.before')}</Table.Th>
          <Table.Th>{t('activity.after')}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {changes.map(({ field, before, after }) => (
          <Table.Tr key={field} style={{ verticalAlign: 'top' }}>
            <Table.Th scope="row" fw={400} c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {t(`field.${field}`, { defaultValue: field })}
            </Table.Th>
            <Lines lines={before.map((line) => names.get(line) ?? line)} />
            <Lines lines={after.map((line) => names.get(line) ?? line)} />
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Lines({ lines }: { lines: string[] }) {
  const { t } = useTranslation();
  const rest = lines.length - LINES;
  return (
    <Table.Td style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-line' }}>
      {lines.length === 0 ? '–' : lines.slice(0, LINES).join('\n')}
      {rest > 0 && `\n${t('activity.andMore', { count: rest })}`}
    </Table.Td>
  );
}

function TakeBack({ entry, close }: { entry: AuditEntry; close: () => void }) {
  const { t } = useTranslation();
  const { data: allNetworks = [] } = useQuery(networks);
  const { data: allPeople = [] } = useQuery(people);
  const { data: allProfiles = [] } = useQuery(profiles);
  const act = useChange((reverse: () => Promise<unknown>) => reverse());
  const reverse = reversalOf(entry, {
    networks: allNetworks,
    people: allPeople,
    profiles: allProfiles,
  });
  if (!reverse) return null;
  return (
    <Stack gap="xs">
      <Text size="sm">{t('activity.takeBackText')}</Text>
      <Refusal error={act.error} />
      <Group>
        <Button
          variant="default"
          loading={act.isPending}
          onClick={() => act.mutate(reverse, { onSuccess: close })}
        >
          {t('activity.takeBack')}
        </Button>
      </Group>
    </Stack>
  );
}
