/** The status that every front end shows: derived from facts, each time anew, so that it cannot drift from them. */
import type { DeviceConfig } from '../../gateway/contract/snapshot.ts';
import type { HostPlan } from '../contract/host-plan.ts';
import type { Account, Problem, Status, Tunnel } from '../contract/local-api.ts';
import { problem } from '../contract/problem.ts';
import { networkNotices } from './policy/network-notices.ts';
import type { SessionFacts } from './session/session.ts';
import type { Path, TunnelState, Way } from './tunnel/tunnel-state.ts';

export interface StatusFacts {
  version: string;
  now: number;
  wanted: 'on' | 'off';
  pausedUntil: number | null;
  session: SessionFacts;
  tunnel: TunnelState;
  path: Path | null;
  endpoint: string | null;
  backend: 'kernel' | 'engine';
  device: string;
  plan: HostPlan | null;
  /** What was found wrong with this computer or its state files. */
  problems: readonly Problem[];
}

/** People want to know in time to finish what they are doing. */
const SESSION_WARNING_MS = 10 * 60_000;

export function deriveStatus(facts: StatusFacts): Status {
  const { session } = facts;
  const config = session.membership ? session.config : null;
  return {
    version: facts.version,
    account: accountOf(session),
    wanted: facts.wanted,
    pausedUntil: facts.pausedUntil,
    tunnel: tunnelOf(facts.tunnel),
    path: pathOf(facts),
    networks: (config?.networks ?? [])
      .map(({ id, name, ranges, connectors }) => ({ id, name, ranges, connectors }))
      .toSorted(byName),
    lists: config && listsOf(config),
    notices: noticesOf(facts, config),
    traffic: trafficOf(facts),
  };
}

/** As people count: `site-2` before `site-10`; by id where two have one name, so that no two looks differ. */
function byName(left: Status['networks'][number], right: Status['networks'][number]): number {
  return NATURAL.compare(left.name, right.name) || left.id.localeCompare(right.id);
}

const NATURAL = new Intl.Collator('en', { numeric: true });

function accountOf({ login, membership, config, stream, problem: why }: SessionFacts): Account {
  const isMember = membership !== null && membership.ended === null && config !== null;
  // Renewing is a sign-in too, but whoever renews is signed in all the time.
  if (login !== null && !isMember) {
    const { since, authorizeUrl, gateway } = login;
    return { kind: 'signing-in', since, authorizeUrl, gateway };
  }
  if (!isMember) return { kind: 'signed-out', problem: membership?.ended ?? why };
  return {
    kind: 'signed-in',
    organisation: config.organisation.name,
    gateway: membership.gateway,
    user: { email: config.user.email, name: config.user.name },
    deviceId: membership.deviceId,
    expiresAt: config.session.expiresAt,
    stream,
  };
}

function tunnelOf(state: TunnelState): Tunnel {
  switch (state.kind) {
    case 'off':
    case 'stopping':
      return { kind: state.kind };
    case 'starting':
      return {
        kind: 'starting',
        since: state.since,
        attempt: state.attempt,
        problem: state.problem,
      };
    case 'on':
      return { kind: 'on', since: state.since };
    case 'reconnecting':
      return { kind: 'reconnecting', since: state.since, problem: state.problem };
    case 'failed':
      return { kind: 'failed', problem: state.problem, retryAt: state.retry?.shownAt ?? null };
  }
}

function pathOf({ tunnel, path, endpoint, backend, device }: StatusFacts): Status['path'] {
  const way = wayOf(tunnel);
  if (way === null) return null;
  return {
    gateway: way.gatewayName,
    endpoint: endpoint ?? way.endpoint,
    backend,
    interface: device,
    lastHandshakeAt: path?.lastHandshakeAt ?? null,
    rttMs: path?.rttMs ?? null,
  };
}

export function wayOf(state: TunnelState): Way | null {
  switch (state.kind) {
    case 'starting':
    case 'reconnecting':
    case 'on':
      return state.via;
    default:
      return null;
  }
}

function listsOf({ profile, revision }: DeviceConfig): Status['lists'] {
  const { include, exclude, defaultPath } = profile.splitTunnel;
  return {
    profile: profile.name,
    defaultPath,
    include: include.length,
    exclude: exclude.length,
    revision,
  };
}

function noticesOf(facts: StatusFacts, config: DeviceConfig | null): Status['notices'] {
  const { session, plan, now } = facts;
  const isMember = session.membership !== null && session.membership.ended === null;
  return [
    ...facts.problems.map((each) => ({ problem: each, actions: [] })),
    ...(isMember && session.problem ? [{ problem: session.problem, actions: [] }] : []),
    ...(isMember && session.absence ? [{ problem: session.absence, actions: [] }] : []),
    ...(isMember && config ? sessionNotice(config.session.expiresAt, now) : []),
    ...(plan ? networkNotices(plan).map((each) => ({ problem: each, actions: [] })) : []),
  ];
}

function sessionNotice(expiresAt: number, now: number): Status['notices'] {
  const left = expiresAt - now;
  if (left <= 0 || left > SESSION_WARNING_MS) return [];
  return [{ problem: problem('session-ends-soon', { expiresAt }), actions: ['action-renew'] }];
}

/** Since the engine made the tunnel: one that was started anew counts from zero. */
function trafficOf({ path }: StatusFacts): Status['traffic'] {
  return { rxBytes: path?.rxBytes ?? 0, txBytes: path?.txBytes ?? 0 };
}
