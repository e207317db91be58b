/** What saving a rule does, before it is saved. */
import { Alert, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { RuleInput } from '../../../contract/admin-api.ts';
import { devices, networks, people, rules } from '../api/queries.ts';
import { coveredBy, crowdOf } from './rule-effect.ts';
import { portsText } from './rule-ports.ts';

export function RuleEffect({ draft, number }: { draft: RuleInput; number: number | undefined }) {
  const { t } = useTranslation();
  const { data: allPeople = [] } = useQuery(people);
  const { data: allDevices = [] } = useQuery(devices);
  const { data: allNetworks = [] } = useQuery(networks);
  const { data: allRules = [] } = useQuery(rules);
  if (draft.subjects.length === 0) return null;
  const names = allNetworks
    .filter(({ id }) => draft.networkIds.includes(id))
    .map(({ name }) => name);
  const where = names.length === 0 ? t('policy.everyNetwork') : names.join(', ');
  const parts = {
    ...crowdOf(draft.subjects, allPeople, allDevices),
    where: draft.ranges.length === 0 ? where : `${where} (${draft.ranges.join(', ')})`,
    what:
      draft.protocol === 'any'
        ? t('policy.anything')
        : `${draft.protocol.toUpperCase()} ${portsText(draft.ports)}`.trim(),
  };
  const first = draft.enabled
    ? coveredBy(draft, number ?? allRules.length + 1, allRules)
    : undefined;
  return (
    <Stack gap="xs" role="status">
      <Text size="sm">
        {t(draft.enabled ? `policy.effect.${draft.action}` : 'policy.effect.off', parts)}
      </Text>
      {first && (
        <Alert color="orange" p="xs">
          {t('policy.effect.covered', { rule: `#${first.number} ${first.name}` })}
        </Alert>
      )}
    </Stack>
  );
}
