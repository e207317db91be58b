/** A computer's network in memory, for tests of whoever drives one. It keeps the same promises as the real ones. */
import { address } from '../../../../gateway/contract/net/address.ts';
import { cidr } from '../../../../gateway/contract/net/prefix.ts';
import { PrefixTable } from '../../../../gateway/contract/net/prefix-table.ts';
import type { HostFacts, HostPlan } from '../../../contract/host-plan.ts';
import type { Problem } from '../../../contract/local-api.ts';
import { Fault } from '../../../contract/problem.ts';
import type { HostNetwork, RouteAnswer, WatchEvents } from '../host-network.ts';

export type FakeCall =
  | 'probe'
  | 'facts'
  | 'protect'
  | 'connect'
  | 'disconnect'
  | 'release'
  | 'repair';

export class FakeNetwork implements HostNetwork {
  /** In order, with the plan's number of tunnel routes where there was one. */
  readonly calls: string[] = [];
  problems: Problem[] = [];
  connected: HostFacts['connected'] = [];
  protection: HostPlan | null = null;
  connection: HostPlan | null = null;
  readonly #failing = new Map<FakeCall, string>();
  readonly #watchers = new Set<WatchEvents>();

  /** From now on this call throws; without a reason it works again. */
  fail(call: FakeCall, reason?: string): void {
    if (reason === undefined) this.#failing.delete(call);
    else this.#failing.set(call, reason);
  }

  /** The computer moved to another network. */
  roam(connected: HostFacts['connected']): void {
    this.connected = connected;
    for (const watcher of this.#watchers) watcher.networkChanged();
  }

  /** Another program flushed the firewall. */
  flush(): void {
    this.protection = null;
    for (const watcher of this.#watchers) watcher.protectionTouched();
  }

  async probe(): Promise<Problem[]> {
    this.#note('probe');
    return this.problems;
  }

  async facts(): Promise<HostFacts> {
    this.#note('facts');
    return { connected: this.connected };
  }

  async protect(plan: HostPlan): Promise<void> {
    this.#note('protect', plan);
    this.protection = plan;
  }

  async connect(plan: HostPlan): Promise<void> {
    this.#note('connect', plan);
    this.protection = plan;
    this.connection = plan;
  }

  async disconnect(): Promise<string[]> {
    this.#note('disconnect');
    const undone = this.connection ? ['connection'] : [];
    this.connection = null;
    return undone;
  }

  async release(): Promise<string[]> {
    this.#note('release');
    return this.#takeBack();
  }

  async repair(): Promise<{ undone: string[]; kept: string[] }> {
    this.#note('repair');
    return { undone: this.#takeBack(), kept: [] };
  }

  async isProtected(): Promise<boolean> {
    return this.protection !== null;
  }

  async routeTo(text: string): Promise<RouteAnswer> {
    const table = new PrefixTable<'tunnel' | 'direct'>();
    const plan = this.protection;
    for (const route of plan?.routes ?? []) table.set(cidr(route.cidr), route.path);
    const path = table.match(address(text))?.value ?? 'direct';
    if (path === 'direct')
      return { kind: 'route', interface: 'wlan0', via: '192.168.1.1', table: null, source: null };
    if (!plan || !this.connection) return { kind: 'refused', reason: 'No route to host' };
    return {
      kind: 'route',
      interface: plan.names.device,
      via: null,
      table: plan.names.table,
      source: null,
    };
  }

  watch(events: WatchEvents): () => void {
    this.#watchers.add(events);
    return () => this.#watchers.delete(events);
  }

  #takeBack(): string[] {
    const undone = [
      ...(this.connection ? ['connection'] : []),
      ...(this.protection ? ['protection'] : []),
    ];
    this.connection = null;
    this.protection = null;
    return undone;
  }

  #note(call: FakeCall, plan?: HostPlan): void {
    this.calls.push(plan ? `${call} ${plan.connection.tunnel.length}` : call);
    const reason = this.#failing.get(call);
    if (reason === undefined) return;
    throw new Fault(call === 'release' ? 'undo-refused' : 'network-refused', { reason });
  }
}
