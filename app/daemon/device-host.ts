/** The tunnel's hands on this computer: the plan from configuration and facts, the network and the engine under it. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { DeviceConfig } from '../../gateway/contract/snapshot.ts';
import type { HostNames, HostPlan } from '../contract/host-plan.ts';
import { Fault, reasonOf } from '../contract/problem.ts';
import type { Backend } from './engine/backend.ts';
import type { HostNetwork } from './network/host-network.ts';
import { planHost } from './policy/plan-host.ts';
import type { TunnelHost } from './tunnel/tunnel-shell.ts';
import type { Path, Way } from './tunnel/tunnel-state.ts';

export interface DeviceInput {
  config: DeviceConfig | null;
  /** Connected prefixes that the user chose over the tunnel. */
  useLocal: readonly string[];
  /** Raw WireGuard private key; null while signed out. */
  privateKey: string | null;
}

export interface DeviceHostParts {
  network: HostNetwork;
  backend: Backend;
  names: HostNames;
  input: () => DeviceInput;
  /** A plan was made: overlaps and routes may be others. */
  onPlan: () => void;
  /** This revision is what the computer does now. */
  onApplied: (revision: number) => void;
}

/** What the last plan was made of. */
interface Planned {
  config: DeviceConfig;
  /** Facts and choices, as text. */
  about: string;
}

export class DeviceHost implements TunnelHost {
  readonly #parts: DeviceHostParts;
  #plan: HostPlan | null = null;
  #planned: Planned | null = null;
  #way: Way | null = null;
  #endpoint: string | null = null;

  constructor(parts: DeviceHostParts) {
    this.#parts = parts;
  }

  /** The last plan; null before the first. */
  get plan(): HostPlan | null {
    return this.#plan;
  }

  /** Where the engine was told to find the gateway, as an address. */
  get endpoint(): string | null {
    return this.#endpoint;
  }

  async protect(): Promise<void> {
    const { config } = this.#parts.input();
    if (config) await this.#parts.network.protect(await this.#makePlan(config));
  }

  async startEngine(): Promise<void> {
    const { config, privateKey } = this.#parts.input();
    if (config === null || privateKey === null) throw new Fault('not-signed-in');
    const { mark } = this.#parts.names;
    await this.#parts.backend.start({ privateKey, mtu: config.mtu, mark });
  }

  async point(way: Way, isFresh: boolean): Promise<void> {
    this.#way = way;
    await this.#configure(way, isFresh);
  }

  async applyNetwork(): Promise<void> {
    const { config } = this.#parts.input();
    if (config === null) return;
    await this.#parts.network.connect(await this.#makePlan(config));
    // The ranges may be others, and with them what the peer may carry.
    if (this.#way) await this.#configure(this.#way, false);
    this.#parts.onApplied(config.revision);
  }

  async pause(): Promise<void> {
    await this.#parts.network.disconnect();
    await this.#parts.backend.stop();
    this.#way = null;
  }

  /** The protection goes last: until the engine is gone, something of the tunnel may still send. */
  async stop(): Promise<void> {
    await this.pause();
    await this.#parts.network.release();
    this.#plan = null;
    this.#endpoint = null;
  }

  async path(): Promise<Path | null> {
    return await this.#parts.backend.state();
  }

  async #makePlan(config: DeviceConfig): Promise<HostPlan> {
    const { network, names, input, onPlan } = this.#parts;
    const facts = await network.facts();
    const { useLocal } = input();
    const about = JSON.stringify({ facts, useLocal });
    // A start asks twice within a moment, and ten thousand entries take their time.
    if (this.#plan && this.#planned?.config === config && this.#planned.about === about)
      return this.#plan;
    this.#plan = planHost({ config, facts, useLocal, names });
    this.#planned = { config, about };
    onPlan();
    return this.#plan;
  }

  async #configure(way: Way, isFresh: boolean): Promise<void> {
    const { config } = this.#parts.input();
    if (config === null) return;
    const plan = this.#plan ?? (await this.#makePlan(config));
    this.#endpoint = await resolveEndpoint(way);
    await this.#parts.backend.configure({
      publicKey: way.publicKey,
      endpoint: this.#endpoint,
      allowedIps: plan.connection.allowedIps,
      keepaliveSeconds: config.keepaliveSeconds,
      isFresh,
    });
  }
}

/** A name in a signed configuration is fine: whoever answers for it still needs the gateway's WireGuard key (T3). */
async function resolveEndpoint(way: Way): Promise<string> {
  const cut = way.endpoint.lastIndexOf(':');
  const host = way.endpoint.slice(0, cut).replace(/^\[|\]$/g, '');
  const port = way.endpoint.slice(cut + 1);
  if (isIP(host) !== 0) return way.endpoint;
  try {
    const { address, family } = await lookup(host);
    return family === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  } catch (cause) {
    const detail = { gateway: way.gatewayName, endpoint: way.endpoint, reason: reasonOf(cause) };
    throw new Fault('gateway-name', detail, cause);
  }
}
