/**
 * What everybody should have now: each receiver's compiled content, its hash, and the revision in which it last changed.
 * A receiver is pushed to only when its own hash changed, whatever else the organisation changed.
 *
 * A board is made from the one before it: who is made of the very same parts is not compiled again. `read-policy.ts` keeps a part's
 * object as long as nothing in it changes.
 */
import { createHash } from 'node:crypto';
import type { DeviceNetwork, SplitTunnel } from '../../contract/snapshot.ts';
import type { GatewayEngineConfig } from '../../dataplane/protocol/engine-protocol.ts';
import {
  type ConnectorContent,
  compileConnector,
  compileDevice,
  compileEngine,
  compileNetworks,
  type DeviceContent,
  type Health,
} from '../policy/compile.ts';
import {
  type GatewayFacts,
  isLive,
  type PolicyConnector,
  type PolicyDevice,
  type PolicyState,
  profileOf,
} from '../policy/policy-state.ts';
import { Reach } from '../policy/reach.ts';
import { subjectsOf } from '../policy/rules.ts';

export type Content = DeviceContent | ConnectorContent;

export interface Entry {
  content: Content;
  hash: string;
  /** Of the store, when this content was first compiled. */
  revision: number;
  /** What it was compiled from. */
  parts: readonly unknown[];
}

export interface Board {
  state: PolicyState;
  reach: Reach;
  entries: ReadonlyMap<string, Entry>;
  /** What devices are told of networks, by the key of their rules. */
  networks: ReadonlyMap<string, SharedNetworks>;
  engine: GatewayEngineConfig;
  engineParts: readonly unknown[];
  /** When the next device's session ends; infinite when none does. */
  nextExpiry: number;
}

interface SharedNetworks {
  networks: DeviceNetwork[];
  hash: string;
}

export interface BoardInput {
  state: PolicyState;
  gateway: GatewayFacts;
  health: Health;
  now: number;
}

/** Yields after each receiver: with thousands of them it is run in slices. */
export function compileBoard(input: BoardInput, before: Board | undefined): Generator<void, Board> {
  return new Compilation(input, before).run();
}

class Compilation {
  readonly #input: BoardInput;
  readonly #before: Board | undefined;
  readonly #reach: Reach;
  readonly #networks = new Map<string, SharedNetworks>();

  constructor(input: BoardInput, before: Board | undefined) {
    const { networks, rules } = input.state;
    const isSame = before?.state.networks === networks && before.state.rules === rules;
    this.#input = input;
    this.#before = before;
    this.#reach = isSame ? before.reach : new Reach(input.state);
  }

  *run(): Generator<void, Board> {
    const { state, now } = this.#input;
    const entries = new Map<string, Entry>();
    const live = state.devices.filter((device) => isLive(device, now));
    for (const device of live) {
      const entry = this.#deviceEntry(device);
      if (entry) entries.set(device.id, entry);
      yield;
    }
    for (const connector of state.connectors) {
      const entry = this.#connectorEntry(connector);
      if (entry) entries.set(connector.id, entry);
      yield;
    }
    const { engine, engineParts } = this.#engine(live);
    const nextExpiry = live.reduce(
      (next, { sessionExpiresAt }) => Math.min(next, sessionExpiresAt),
      Number.POSITIVE_INFINITY,
    );
    const [reach, networks] = [this.#reach, this.#networks];
    return { state, reach, entries, networks, engine, engineParts, nextExpiry };
  }

  #deviceEntry(device: PolicyDevice): Entry | undefined {
    const { state, gateway } = this.#input;
    const user = state.users.get(device.userId);
    const reached = this.#networksOf(device);
    const parts = [device, user, profileOf(state, device), reached, state.organisation, gateway];
    const known = this.#before?.entries.get(device.id);
    if (known && sameItems(known.parts, parts)) return known;
    const content = compileDevice(device, state, gateway, reached.networks);
    if (!content) return undefined;
    const { profile, networks: _networks, ...rest } = content;
    const lists = splitHash(profile.splitTunnel);
    const hash = sha256(JSON.stringify([rest, profile.id, profile.name, lists, reached.hash]));
    return entryOf({ content, hash, revision: state.revision, parts }, known);
  }

  #connectorEntry(connector: PolicyConnector): Entry | undefined {
    const { state, gateway } = this.#input;
    const content = compileConnector(connector, state, gateway);
    if (!content) return undefined;
    const hash = sha256(JSON.stringify(content));
    const made = { content, hash, revision: state.revision, parts: [connector] };
    return entryOf(made, this.#before?.entries.get(connector.id));
  }

  #networksOf(device: PolicyDevice): SharedNetworks {
    const key = this.#reach.keyOf(subjectsOf(device, this.#input.state));
    const known = this.#networks.get(key);
    if (known) return known;
    const networks = compileNetworks(this.#reach.networksOf(key), this.#input.health);
    const hash = sha256(JSON.stringify(networks));
    const last = this.#before?.networks.get(key);
    const shared = last?.hash === hash ? last : { networks, hash };
    this.#networks.set(key, shared);
    return shared;
  }

  /** The same object as before where nothing in it changed, so that the engine need not be asked. */
  #engine(live: readonly PolicyDevice[]): Pick<Board, 'engine' | 'engineParts'> {
    const { state, gateway, now } = this.#input;
    const { connectors, users, networks, rules } = state;
    const engineParts = [connectors, users, networks, rules, gateway, ...live];
    const before = this.#before;
    const isSame = before && sameItems(before.engineParts, engineParts);
    return { engineParts, engine: isSame ? before.engine : compileEngine(state, gateway, now) };
  }
}

/** Equal content keeps its revision: it is not pushed again. */
function entryOf(made: Entry, known: Entry | undefined): Entry {
  return known?.hash === made.hash ? { ...known, parts: made.parts } : made;
}

/** Devices share their lists, which may be long: those are hashed once. */
const splitHashes = new WeakMap<SplitTunnel, string>();

function splitHash(split: SplitTunnel): string {
  const known = splitHashes.get(split) ?? sha256(JSON.stringify(split));
  splitHashes.set(split, known);
  return known;
}

function sameItems(left: readonly unknown[], right: readonly unknown[]): boolean {
  return left.length === right.length && left.every((one, at) => one === right[at]);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
