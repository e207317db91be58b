/** A rule in words: who, where, what. */
import { useQuery } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { useMemo } from 'react';
import type { Rule } from '../../../contract/admin-api.ts';
import { devices, networks, people } from '../api/queries.ts';
import { portsText } from './rule-ports.ts';

export interface Names {
  people: ReadonlyMap<string, string>;
  devices: ReadonlyMap<string, string>;
  networks: ReadonlyMap<string, string>;
}

/** Made once for all rules: an organisation has thousands of people and devices. */
export function useNames(): Names {
  const { data: allPeople } = useQuery(people);
  const { data: allDevices } = useQuery(devices);
  const { data: allNetworks } = useQuery(networks);
  return useMemo(
    () => ({
      people: new Map(allPeople?.map(({ id, email }) => [id, email])),
      devices: new Map(allDevices?.map(({ id, name }) => [id, name])),
      networks: new Map(allNetworks?.map(({ id, name }) => [id, name])),
    }),
    [allPeople, allDevices, allNetworks],
  );
}

/** “engineering → tokyo-vpc · TCP 22”. */
export function ruleWords(rule: Rule, names: Names, t: TFunction): string {
  const who = rule.subjects.map((subject) => {
    if (subject.kind === 'everyone') return t('policy.everyone');
    if (subject.kind === 'group') return subject.name;
    const known = subject.kind === 'user' ? names.people : names.devices;
    return known.get(subject.id) ?? t('policy.gone');
  });
  const where =
    rule.networkIds.length === 0
      ? [t('policy.everyNetwork')]
      : rule.networkIds.map((id) => names.networks.get(id) ?? id);
  const what =
    rule.protocol === 'any'
      ? t('policy.anything')
      : `${rule.protocol.toUpperCase()} ${portsText(rule.ports)}`.trim();
  return `${who.join(', ')} → ${[...where, ...rule.ranges].join(', ')} · ${what}`;
}
