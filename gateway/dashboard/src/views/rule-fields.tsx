/** The fields of a rule: whom it is about, and where it lets them go. */
import { MultiSelect, SegmentedControl, Select, TagsInput, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { RuleInput } from '../../../contract/admin-api.ts';
import { networks } from '../api/queries.ts';
import { SubjectSelect } from '../parts/subject-select.tsx';

export interface RuleFields {
  draft: RuleInput;
  set: (part: Partial<RuleInput>) => void;
}

/** `isTried`: somebody wanted to save it, so what is missing is told. */
export function RuleWho({ draft, set, isTried }: RuleFields & { isTried: boolean }) {
  const { t } = useTranslation();
  return (
    <>
      <TextInput
        data-autofocus
        label={t('common.name')}
        maxLength={100}
        required
        value={draft.name}
        error={isTried && draft.name.trim() === '' ? t('policy.giveName') : undefined}
        onChange={(event) => set({ name: event.currentTarget.value })}
      />
      <SegmentedControl
        aria-label={t('policy.action')}
        data={[
          { value: 'allow', label: t('policy.allow') },
          { value: 'block', label: t('policy.block') },
        ]}
        value={draft.action}
        onChange={(action) => set({ action: action as RuleInput['action'] })}
      />
      <SubjectSelect
        label={t('policy.who')}
        value={draft.subjects}
        onChange={(subjects) => set({ subjects })}
        error={isTried && draft.subjects.length === 0 ? t('policy.chooseWho') : undefined}
      />
    </>
  );
}

export function RuleWhere({ draft, set, isBad }: RuleFields & { isBad: boolean }) {
  const { t } = useTranslation();
  const { data: allNetworks = [] } = useQuery(networks);
  const protocols = [
    { value: 'any', label: t('policy.any') },
    { value: 'tcp', label: 'TCP' },
    { value: 'udp', label: 'UDP' },
    { value: 'icmp', label: 'ICMP' },
  ];
  return (
    <>
      <MultiSelect
        label={t('policy.networks')}
        placeholder={draft.networkIds.length === 0 ? t('policy.everyNetwork') : ''}
        searchable
        clearable
        data={allNetworks.map((network) => ({ value: network.id, label: network.name }))}
        value={draft.networkIds}
        onChange={(networkIds) => set({ networkIds })}
      />
      <TagsInput
        label={t('policy.ranges')}
        placeholder={t('policy.rangesPlaceholder')}
        value={draft.ranges}
        onChange={(ranges) => set({ ranges })}
        error={isBad ? t('networks.badRange') : undefined}
      />
      <Select
        label={t('policy.protocol')}
        data={protocols}
        value={draft.protocol}
        allowDeselect={false}
        onChange={(protocol) => set({ protocol: (protocol ?? 'any') as RuleInput['protocol'] })}
      />
    </>
  );
}
