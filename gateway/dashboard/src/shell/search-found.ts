/** What a search finds. Everything is in the page already or comes with one question; nothing is asked per keystroke. */
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { devices, networks, people, rules } from '../api/queries.ts';

export interface Thing {
  name: string;
  about: string;
  address: string;
}
export interface FoundGroup {
  title: string;
  things: Thing[];
}

/** More than anybody reads; typing one more letter is quicker. */
const MOST_PER_GROUP = 8;

export function useFound(typed: string): { groups: FoundGroup[]; count: number } {
  const index = useIndex();
  const text = useDeferredValue(typed);
  return useMemo(() => find(index, text), [index, text]);
}

type Index = { title: string; things: { thing: Thing; text: string }[] }[];

export function find(index: Index, typed: string): { groups: FoundGroup[]; count: number } {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return { groups: [], count: 0 };
  const hits = index.map(({ title, things }) => ({
    title,
    things: things.filter(({ text }) => words.every((word) => text.includes(word))),
  }));
  const groups = hits
    .filter(({ things }) => things.length > 0)
    .map(({ title, things }) => ({
      title,
      things: things.slice(0, MOST_PER_GROUP).map(({ thing }) => thing),
    }));
  return { groups, count: hits.reduce((sum, { things }) => sum + things.length, 0) };
}

function useIndex(): Index {
  const { t } = useTranslation();
  const { data: allNetworks } = useQuery(networks);
  const { data: allDevices } = useQuery(devices);
  const { data: allPeople } = useQuery(people);
  const { data: allRules } = useQuery(rules);
  return useMemo(
    () => [
      indexed(
        t('nav.networks'),
        (allNetworks ?? []).map(({ id, name, ranges }) => ({
          name,
          about: ranges.map(({ cidr }) => cidr).join(', '),
          address: `/networks/${id}`,
        })),
      ),
      indexed(
        t('nav.devices'),
        (allDevices ?? []).map(({ id, name, user, ipv4, ipv6 }) => ({
          name,
          about: [user.email, ipv4, ipv6].filter(Boolean).join(' · '),
          address: `/devices/${id}`,
        })),
      ),
      indexed(
        t('nav.people'),
        (allPeople ?? []).map(({ name, email, groups }) => ({
          name: name || email,
          about: [email, ...groups].join(' · '),
          address: `/people?filter=${encodeURIComponent(email)}`,
        })),
      ),
      indexed(
        t('nav.policy'),
        (allRules ?? []).map(({ id, number, name, action, ranges }) => ({
          name: `#${number} ${name}`,
          about: [t(`policy.${action}`), ...ranges].join(' · '),
          address: `/policy#${id}`,
        })),
      ),
      indexed(
        t('search.pages'),
        (
          ['overview', 'networks', 'devices', 'people', 'profiles', 'policy', 'activity'] as const
        ).map((page) => ({
          name: t(`nav.${page}`),
          about: '',
          address: page === 'overview' ? '/' : `/${page}`,
        })),
      ),
    ],
    [t, allNetworks, allDevices, allPeople, allRules],
  );
}

function indexed(title: string, things: Thing[]): Index[number] {
  return {
    title,
    things: things.map((thing) => ({
      thing,
      text: `${thing.name}\n${thing.about}`.toLowerCase(),
    })),
  };
}
