/**
 * The network of a Linux computer. Every change is in the ledger before it is made; applying is reading what is, comparing
 * it with what is wanted, and doing the difference, so that twice is harmless.
 */
import {
  HOST_NAMES,
  type HostFacts,
  type HostNames,
  type HostPlan,
} from '../../../contract/host-plan.ts';
import type { Problem } from '../../../contract/local-api.ts';
import { Fault, problem, reasonOf } from '../../../contract/problem.ts';
import type { HostNetwork, RouteAnswer, WatchEvents } from '../host-network.ts';
import { type Claim, classOf, Ledger } from '../ledger.ts';
import { applyDevice, batch, connectedPrefixes } from './device.ts';
import { applyFirewall, isFirewallIntact } from './firewall.ts';
import { type LinuxHost, thisHost } from './host.ts';
import { monitorHost } from './monitor.ts';
import { networkFingerprint } from './network-fingerprint.ts';
import { probeHost } from './probe.ts';
import { routeTo } from './route-to.ts';
import {
  REFUSING,
  type RouteKind,
  readRoutes,
  refusingRoutes,
  renderAdditions,
  renderRemovals,
  routeChanges,
  type TableRoute,
  tunnelRoutes,
} from './routes.ts';
import { addRule, type Family, isInPlace, ruleState } from './rules.ts';
import { applySettings, PRESUMED_SETTINGS, settingClaims } from './settings.ts';
import { removeRoutes, undo, undoOrder } from './undo.ts';

export interface LinuxNetworkOptions {
  /** Absolute path of the ledger, in a directory of root's. */
  ledgerPath: string;
  names?: HostNames;
  host?: LinuxHost;
}

export class LinuxNetwork implements HostNetwork {
  readonly #host: LinuxHost;
  readonly #names: HostNames;
  readonly #ledger: Ledger;
  /** One thing at a time: two that read before either writes would undo each other. */
  #queue: Promise<unknown> = Promise.resolve();
  /** What protection was put up last, to hold the kernel against. */
  #protecting: HostPlan | null = null;

  constructor(options: LinuxNetworkOptions) {
    this.#host = options.host ?? thisHost;
    this.#names = options.names ?? HOST_NAMES;
    this.#ledger = Ledger.open(options.ledgerPath, presumedClaims(this.#names));
  }

  /** The ledger could not be believed; everything with our names counts as ours until it is taken back. */
  get ledgerProblem(): Problem | null {
    return this.#ledger.damage === null
      ? null
      : problem('ledger-damaged', { reason: this.#ledger.damage });
  }

  probe(): Promise<Problem[]> {
    return this.#inTurn(() => probeHost(this.#host, this.#names));
  }

  facts(): Promise<HostFacts> {
    return this.#inTurn(async () => ({
      connected: await connectedPrefixes(this.#host, this.#names),
    }));
  }

  protect(plan: HostPlan): Promise<void> {
    return this.#inTurn(() => this.#protect(plan));
  }

  connect(plan: HostPlan): Promise<void> {
    return this.#inTurn(async () => {
      await this.#extendTunnel(plan);
      await this.#protect(plan);
      const settings = await settingClaims(this.#host);
      this.#ledger.claim([...connectionClaims(plan), ...settings]);
      await applySettings(this.#host, settings);
      await applyDevice(this.#host, plan);
      await this.#applyRoutes(plan, tunnelRoutes(plan), ['tunnel']);
    });
  }

  disconnect(): Promise<string[]> {
    return this.#inTurn(() => this.#undoAll((claim) => classOf(claim) === 'connection'));
  }

  release(): Promise<string[]> {
    return this.#inTurn(async () => {
      this.#protecting = null;
      return await this.#undoAll(() => true);
    });
  }

  repair(): Promise<{ undone: string[]; kept: string[] }> {
    return this.#inTurn(async () => {
      this.#protecting = null;
      // The ledger may be gone with its disk: what carries our names is looked for as well.
      this.#ledger.claim(presumedClaims(this.#names).filter((claim) => claim.kind !== 'setting'));
      return await this.#undo(() => true);
    });
  }

  isProtected(): Promise<boolean> {
    return this.#inTurn(async () => {
      const plan = this.#protecting;
      if (!plan) return true;
      const rules = await Promise.all(
        this.#families().map((family) => ruleState(this.#host, family, this.#names)),
      );
      const routes = routeChanges(
        await readRoutes(this.#host, this.#names),
        refusingRoutes(plan),
        REFUSING,
      );
      const stands = rules.every(isInPlace) && routes.add.length === 0;
      return stands && (await isFirewallIntact(this.#host, plan));
    });
  }

  routeTo(address: string): Promise<RouteAnswer> {
    return routeTo(this.#host, address);
  }

  watch(events: WatchEvents): () => void {
    const fingerprint = () => networkFingerprint(this.#host, this.#names);
    let known = fingerprint();
    return monitorHost(this.#host, this.#names, {
      protectionTouched: () => events.protectionTouched(),
      // Routers announce themselves all day; only what differs is news.
      networkChanged: () => {
        const before = known;
        known = fingerprint();
        void Promise.all([before, known]).then(
          ([old, now]) => old !== now && events.networkChanged(),
        );
      },
    });
  }

  async #protect(plan: HostPlan): Promise<void> {
    const families = this.#families();
    this.#ledger.claim(protectionClaims(plan.names, families));
    this.#protecting = plan;
    if (!(await isFirewallIntact(this.#host, plan))) await applyFirewall(this.#host, plan);
    await this.#applyRoutes(plan, refusingRoutes(plan), REFUSING);
    // Last: a rule in front of a table that is only half filled would send excluded hosts into nothing.
    for (const family of families) await addRule(this.#host, family, plan.names);
  }

  /**
   * While the tunnel is up, new ways into it come before their refusals: inside a wider range that goes, a refusal alone would
   * win, and what is on its way would meet it.
   */
  async #extendTunnel(plan: HostPlan): Promise<void> {
    const current = await readRoutes(this.#host, plan.names);
    if (!current.some(({ kind }) => kind === 'tunnel')) return;
    const { add } = routeChanges(current, tunnelRoutes(plan), ['tunnel']);
    if (add.length > 0) await batch(this.#host, renderAdditions(add, plan.names));
  }

  async #applyRoutes(
    plan: HostPlan,
    wanted: TableRoute[],
    kinds: readonly RouteKind[],
  ): Promise<void> {
    const possible = wanted.filter(({ cidr }) =>
      this.#families().includes(cidr.includes(':') ? 6 : 4),
    );
    const { add, remove } = routeChanges(await readRoutes(this.#host, plan.names), possible, kinds);
    if (add.length + remove.length === 0) return;
    await batch(this.#host, renderAdditions(add, plan.names));
    await removeRoutes(this.#host, renderRemovals(remove, plan.names));
    const left = routeChanges(await readRoutes(this.#host, plan.names), possible, kinds);
    if (left.add.length + left.remove.length > 0) {
      throw new Fault('network-refused', {
        reason: 'the kernel’s routes are not what was asked for',
      });
    }
  }

  async #undoAll(which: (claim: Claim) => boolean): Promise<string[]> {
    const { undone, kept } = await this.#undo(which);
    if (kept.length > 0) throw new Fault('undo-refused', { reason: kept.join('; ') });
    return undone;
  }

  async #undo(which: (claim: Claim) => boolean): Promise<{ undone: string[]; kept: string[] }> {
    const undone: string[] = [];
    const kept: string[] = [];
    for (const claim of undoOrder(this.#ledger.claims.filter(which))) {
      try {
        const outcome = await undo(this.#host, claim);
        if (outcome.undone) undone.push(outcome.undone);
        if (outcome.kept) kept.push(outcome.kept);
        this.#ledger.release(claim);
      } catch (cause) {
        kept.push(`${claim.kind}: ${reasonOf(cause)}`);
      }
    }
    return { undone, kept };
  }

  #families(): Family[] {
    return this.#host.hasIpv6() ? [4, 6] : [4];
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work, work);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

function protectionClaims(names: HostNames, families: readonly Family[]): Claim[] {
  const { table, priority, mark, markMask, firewallTable } = names;
  return [
    { kind: 'firewall', table: firewallTable },
    ...families.map((family): Claim => ({ kind: 'rule', family, priority, table, mark, markMask })),
    { kind: 'refusing-routes', table },
  ];
}

function connectionClaims({ names, connection }: HostPlan): Claim[] {
  return [
    { kind: 'tunnel-routes', table: names.table },
    { kind: 'addresses', device: names.device, addresses: [...connection.addresses] },
  ];
}

/** What may be ours when nobody knows any more. Addresses went, or go, with their device. */
function presumedClaims(names: HostNames): Claim[] {
  return [
    ...protectionClaims(names, [4, 6]),
    { kind: 'tunnel-routes', table: names.table },
    ...PRESUMED_SETTINGS,
  ];
}
