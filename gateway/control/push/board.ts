/**
 * What everybody should have now: each receiver's compiled content, its hash, and the revision in which it last changed.
 * A receiver is pushed to only when its own hash changed, whatever else the organisation changed.
 */
import { createHash } from 'node:crypto';
import type { SplitTunnel } from '../../contract/snapshot.ts';
import type { GatewayEngineConfig } from '../../dataplane/engine-config.ts';
import {
  type ConnectorContent,
  compileConnector,
  compileDevice,
  compileEngine,
  type DeviceContent,
  type Health,
} from '../policy/compile.ts';
import { type GatewayFacts, isLive, type PolicyState } from '../policy/policy-state.ts';

export type Content = DeviceContent | ConnectorContent;

export interface Entry {
  content: Content;
  hash: string;
  /** Of the store, when this content was first compiled. */
  revision: number;
}

export interface Board {
  state: PolicyState;
  entries: ReadonlyMap<string, Entry>;
  engine: GatewayEngineConfig;
  /** When the next device's session ends; null when none does. */
  nextExpiry: number | null;
}

export interface BoardInput {
  state: PolicyState;
  gateway: GatewayFacts;
  health: Health;
  now: number;
}

export function compileBoard(input: BoardInput, before: Board | undefined): Board {
  const { state, gateway, health, now } = input;
  const live = state.devices.filter((device) => isLive(device, now));
  const contents: (Content | undefined)[] = [
    ...live.map((device) => compileDevice(device, state, gateway, health)),
    ...state.connectors.map((connector) => compileConnector(connector, state, gateway)),
  ];
  const entries = contents.flatMap((content): [string, Entry][] =>
    content ? [[content.receiver, entryOf(content, state.revision, before)]] : [],
  );
  return {
    state,
    entries: new Map(entries),
    engine: compileEngine(state, gateway, now),
    nextExpiry: live.reduce<number | null>(
      (next, { sessionExpiresAt: at }) => (next === null || at < next ? at : next),
      null,
    ),
  };
}

function entryOf(content: Content, revision: number, before: Board | undefined): Entry {
  const hash = hashOf(content);
  const known = before?.entries.get(content.receiver);
  return known?.hash === hash ? known : { content, hash, revision };
}

/** Devices share their lists, which may be long: those are hashed once. */
function hashOf(content: Content): string {
  if (content.kind === 'connector') return sha256(JSON.stringify(content));
  const { profile, ...rest } = content;
  const lists = splitHash(profile.splitTunnel);
  return sha256(JSON.stringify([rest, profile.id, profile.name, lists]));
}

const splitHashes = new WeakMap<SplitTunnel, string>();

function splitHash(split: SplitTunnel): string {
  const known = splitHashes.get(split) ?? sha256(JSON.stringify(split));
  splitHashes.set(split, known);
  return known;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
