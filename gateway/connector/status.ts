/** `culvert-connector status`: how it runs, from what is on disk and what the engine says. */
import { join } from 'node:path';
import { Engine } from '../../native/client/engine.ts';
import type { EngineStatus } from '../../native/client/protocol.ts';
import type { Forwarding } from './kernel/choose.ts';
import { INTERFACE } from './kernel/plan.ts';
import { type NotCarried, notCarried, notCarriedLine } from './not-carried.ts';
import type { StateFolder } from './state-file.ts';

/** What `status --json` prints: scripts count on these names. */
export interface ConnectorStatus {
  /** Its name; the gateway's address where it has none. */
  organisation: string;
  /** Address of the control plane. */
  gateway: string;
  /** Connections that are translated in user space. Null: it does not run. */
  engine: { flows: number } | null;
  /** Null before the first run. */
  forwarding: { by: 'kernel'; interface: string } | { by: 'user-space'; why: string } | null;
  /** None while the engine does not run. */
  tunnels: Tunnel[];
  /** Packets since the engine started, the most frequent reason first. */
  notCarried: NotCarried[];
}

interface Tunnel {
  /** Id of the gateway at its other end. */
  gateway: string;
  /** ADDRESS:PORT. */
  endpoint: string | null;
  /** Unix ms. */
  lastHandshakeAt: number | null;
}

/** Throws a `Stop` where the machine has not joined, or what it keeps is damaged. */
export async function connectorStatus(folder: StateFolder): Promise<ConnectorStatus> {
  const membership = folder.requireMembership();
  const status = await engineStatus(join(folder.path, 'engine.sock'));
  return {
    organisation: membership.organisationName || membership.gateway,
    gateway: membership.gateway,
    engine: status ? { flows: status.flows } : null,
    forwarding: forwardingOf(folder.readForwarding()),
    tunnels: (status?.peers ?? []).map(({ id, endpoint, lastHandshakeAt }) => {
      return { gateway: id, endpoint, lastHandshakeAt };
    }),
    notCarried: notCarried(status?.drops ?? {}),
  };
}

/** For a person; `now` in Unix ms. */
export function statusLines(status: ConnectorStatus, now: number): string[] {
  const { organisation, gateway, engine, forwarding, tunnels } = status;
  return [
    `Organisation  ${organisation} (${gateway})`,
    `Engine        ${engine ? `runs, ${engine.flows} connections translated in user space` : 'does not run'}`,
    `Forwarding    ${forwardingLine(forwarding)}`,
    ...tunnels.map((tunnel) => `Gateway       ${tunnelLine(tunnel, now)}`),
    ...status.notCarried.map((each) => `Not carried   ${notCarriedLine(each)}`),
  ];
}

async function engineStatus(path: string): Promise<EngineStatus | undefined> {
  try {
    const engine = await Engine.open(path);
    try {
      return await engine.status();
    } finally {
      engine.close();
    }
  } catch {
    return undefined;
  }
}

function forwardingOf(forwarding: Forwarding | undefined): ConnectorStatus['forwarding'] {
  if (!forwarding) return null;
  return forwarding.by === 'kernel' ? { by: 'kernel', interface: INTERFACE } : forwarding;
}

function forwardingLine(forwarding: ConnectorStatus['forwarding']): string {
  if (!forwarding) return 'never began';
  if (forwarding.by === 'user-space') return `in user space: ${forwarding.why}`;
  return `by the kernel, through ${forwarding.interface}; this machine’s own addresses and IPv6 in user space`;
}

function tunnelLine({ gateway, endpoint, lastHandshakeAt }: Tunnel, now: number): string {
  const handshake =
    lastHandshakeAt === null
      ? 'no handshake yet'
      : `last handshake ${Math.max(0, Math.round((now - lastHandshakeAt) / 1000))} s ago`;
  return `${gateway}, ${endpoint ?? 'no endpoint'}, ${handshake}`;
}
