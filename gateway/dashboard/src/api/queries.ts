/** What pages ask for and change. A key's first word is the topic that a change event names. */
import {
  infiniteQueryOptions,
  type QueryClient,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { z } from 'zod';
import {
  AuditEntry,
  ConnectorInstall,
  Device,
  Network,
  Overview,
  Person,
  Profile,
  Removal,
  Rule,
  type RuleInput,
  Session,
  SplitPreview,
} from '../../../contract/admin-api.ts';
import type { SplitTunnel } from '../../../contract/snapshot.ts';
import { call, send } from './client.ts';

export const session = queryOptions({
  queryKey: ['session'],
  queryFn: () => call(Session, 'GET', 'session'),
});
export const overview = queryOptions({
  queryKey: ['overview'],
  queryFn: () => call(Overview, 'GET', 'overview'),
  refetchInterval: 5_000,
});
export const networks = queryOptions({
  queryKey: ['networks'],
  queryFn: () => call(z.array(Network), 'GET', 'networks'),
});
export const rules = queryOptions({
  queryKey: ['rules'],
  queryFn: () => call(z.array(Rule), 'GET', 'rules'),
});
export const devices = queryOptions({
  queryKey: ['devices'],
  queryFn: () => call(z.array(Device), 'GET', 'devices'),
});
export const people = queryOptions({
  queryKey: ['people'],
  queryFn: () => call(z.array(Person), 'GET', 'people'),
});
export const groups = queryOptions({
  queryKey: ['people', 'groups'],
  queryFn: () => call(z.array(z.string()), 'GET', 'groups'),
});
export const profiles = queryOptions({
  queryKey: ['profiles'],
  queryFn: () => call(z.array(Profile), 'GET', 'profiles'),
});
/** Newest first, a page at a time. */
export const audit = infiniteQueryOptions({
  queryKey: ['audit'],
  queryFn: ({ pageParam }) =>
    call(z.array(AuditEntry), 'GET', pageParam === 0 ? 'audit' : `audit?before=${pageParam}`),
  initialPageParam: 0,
  getNextPageParam: (last) => (last.length < AUDIT_PAGE ? undefined : last.at(-1)?.id),
});
/** How many entries the gateway gives at once; fewer are the last ones. */
const AUDIT_PAGE = 100;

export function network(id: string) {
  return queryOptions({
    queryKey: ['networks', id],
    queryFn: () => call(Network, 'GET', `networks/${id}`),
  });
}

/** Computed anew for each draft; nothing is stored. */
export function preview(profileId: string, splitTunnel: SplitTunnel) {
  return queryOptions({
    queryKey: ['profiles', profileId, 'preview', splitTunnel],
    queryFn: () => call(SplitPreview, 'POST', `profiles/${profileId}/preview`, { splitTunnel }),
    placeholderData: (previous: SplitPreview | undefined) => previous,
  });
}

/** What removing a range would do, or the network without one. Asked anew each time: much may have changed. */
export function removal(networkId: string, cidr?: string) {
  const range = cidr === undefined ? {} : { cidr };
  return queryOptions({
    queryKey: ['networks', networkId, 'removal', range],
    queryFn: () => call(Removal, 'POST', `networks/${networkId}/removal`, range),
    staleTime: 0,
    gcTime: 0,
  });
}

export const change = {
  createNetwork: (name: string) => call(Network, 'POST', 'networks', { name }),
  renameNetwork: ({ id, name }: { id: string; name: string }) =>
    call(Network, 'PATCH', `networks/${id}`, { name }),
  deleteNetwork: (id: string) => send('DELETE', `networks/${id}`),
  addRange: ({ id, cidr }: { id: string; cidr: string }) =>
    call(Network, 'POST', `networks/${id}/ranges`, { cidr }),
  removeRange: ({ id, cidr }: { id: string; cidr: string }) =>
    send('DELETE', `networks/${id}/ranges?cidr=${encodeURIComponent(cidr)}`),
  connectorToken: (id: string) =>
    call(ConnectorInstall, 'POST', `networks/${id}/connector-token`, {}),
  deleteConnector: (id: string) => send('DELETE', `connectors/${id}`),
  readRules: () => call(z.array(Rule), 'GET', 'rules'),
  createRule: (rule: RuleInput) => call(Rule, 'POST', 'rules', rule),
  updateRule: ({ id, rule }: { id: string; rule: RuleInput }) =>
    call(Rule, 'PATCH', `rules/${id}`, rule),
  deleteRule: (id: string) => send('DELETE', `rules/${id}`),
  orderRules: (ids: string[]) => send('POST', 'rules/order', { ids }),
  deleteDevice: (id: string) => send('DELETE', `devices/${id}`),
  setRole: ({ id, role }: { id: string; role: 'owner' | 'admin' | 'member' }) =>
    call(Person, 'PATCH', `people/${id}`, { role }),
  saveProfile: ({ id, splitTunnel }: { id: string; splitTunnel: SplitTunnel }) =>
    call(Profile, 'PATCH', `profiles/${id}`, { splitTunnel }),
  endSession: () => send('POST', 'session/end', {}),
};

/** A change, after which everything on the page is read again: another administrator may have changed more. */
export function useChange<Input, Output>(act: (input: Input) => Promise<Output>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: act, onSettled: () => refresh(client) });
}

/** Reads again what the topics are about; everything without them. */
export function refresh(client: QueryClient, topics?: readonly string[]): Promise<void> {
  const about = topics && new Set(topics.map((topic) => keyOfTopic[topic] ?? topic));
  return client.invalidateQueries({
    predicate: ({ queryKey: [key] }) => {
      if (key === 'install') return false;
      return about ? about.has(String(key)) : key !== 'session';
    },
  });
}

/** Connectors are read with their networks. */
const keyOfTopic: Record<string, string> = { connectors: 'networks' };
