/** Chooses whom a rule is about: everyone, groups, people, devices. */
import { MultiSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Subject } from '../../../contract/admin-api.ts';
import { devices, groups, people } from '../api/queries.ts';

export function SubjectSelect({
  label,
  value,
  onChange,
  error,
}: {
  label: string;
  value: Subject[];
  onChange: (subjects: Subject[]) => void;
  error?: string | undefined;
}) {
  const { t } = useTranslation();
  const { data: allPeople = [] } = useQuery(people);
  const { data: allGroups = [] } = useQuery(groups);
  const { data: allDevices = [] } = useQuery(devices);
  const options = [
    { value: 'everyone', label: t('policy.everyone') },
    {
      group: t('policy.subjectGroup'),
      items: allGroups.map((name) => ({ value: `group:${name}`, label: name })),
    },
    {
      group: t('policy.subjectUser'),
      items: allPeople.map((person) => ({ value: `user:${person.id}`, label: person.email })),
    },
    {
      group: t('policy.subjectDevice'),
      items: allDevices.map((device) => ({ value: `device:${device.id}`, label: device.name })),
    },
  ];
  return (
    <MultiSelect
      label={label}
      data={options}
      value={value.map(keyOf)}
      onChange={(keys) => onChange(keys.map(subjectOf))}
      searchable
      clearable
      limit={50}
      error={error}
      w={{ base: '100%', xs: 300 }}
      clearButtonProps={{ 'aria-label': t('common.clear') }}
    />
  );
}

export function keyOf(subject: Subject): string {
  if (subject.kind === 'everyone') return 'everyone';
  return `${subject.kind}:${subject.kind === 'group' ? subject.name : subject.id}`;
}

function subjectOf(key: string): Subject {
  const at = key.indexOf(':');
  const [kind, rest] = [key.slice(0, at), key.slice(at + 1)];
  if (kind === 'group') return { kind, name: rest };
  if (kind === 'user' || kind === 'device') return { kind, id: rest };
  return { kind: 'everyone' };
}
