/** `culvert-connector status`: for a person, from what is on disk and what the engine says. */
import { join } from 'node:path';
import { Engine } from '../../native/client/engine.ts';
import type { EnginePeerStatus, EngineStatus } from '../../native/client/protocol.ts';
import { INTERFACE } from './kernel/plan.ts';
import { notCarried } from './not-carried.ts';
import type { StateFolder } from './state-file.ts';
import { Stop } from './stop.ts';

export async function connectorStatus(folder: StateFolder): Promise<string> {
  const membership = folder.readMembership();
  if (!membership) throw new Stop('usage', 'This machine has not joined a network yet.');
  const status = await engineStatus(join(folder.path, 'engine.sock'));
  return [
    `Organisation  ${membership.organisationName || membership.gateway} (${membership.gateway})`,
    `Engine        ${status ? `runs, ${status.flows} connections translated in user space` : 'does not run'}`,
    `Forwarding    ${forwardingLine(folder)}`,
    ...(status?.peers ?? []).map((peer) => `Gateway       ${gatewayLine(peer, status?.now ?? 0)}`),
    ...notCarried(status?.drops ?? {}).map((line) => `Not carried   ${line}`),
    '',
  ].join('\n');
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

function forwardingLine(folder: StateFolder): string {
  const forwarding = folder.readForwarding();
  if (!forwarding) return 'never began';
  if (forwarding.by === 'user-space') return `in user space: ${forwarding.why}`;
  return `by the kernel, through ${INTERFACE}; this machine’s own addresses and IPv6 in user space`;
}

function gatewayLine(peer: EnginePeerStatus, now: number): string {
  const { id, endpoint, lastHandshakeAt } = peer;
  const handshake =
    lastHandshakeAt === null
      ? 'no handshake yet'
      : `last handshake ${Math.round((now - lastHandshakeAt) / 1000)} s ago`;
  return `${id}, ${endpoint ?? 'no endpoint'}, ${handshake}`;
}
