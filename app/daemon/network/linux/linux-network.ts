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
import { connectionClaims, presumedClaims, protectionClaims } from './claims.ts';
import { batch, connectedPrefixes, deviceChange, type Link, readLinks } from './device.ts';
import { type LinuxHost, thisHost } from './host.ts';
import { KnownPlan } from './known-plan.ts';
import { monitorHost } from './monitor.ts';
import { networkFingerprint } from './network-fingerprint.ts';
import { probeHost } from './probe.ts';
import { families, isConnected, possible, putUp, stands } from './protection.ts';
import { type Reading, readHost } from './reading.ts';
import { changeRoutes } from './route-table.ts';
import { routeTo } from './route-to.ts';
import { renderAdditions, routeChanges, type TableRoute, tunnelRoutes } from './routes.ts';
import { applySettings, settingClaims } from './settings.ts';
import { changeSlightly } from './small-change.ts';
import { undo, undoOrder } from './undo.ts';

export interface LinuxNetworkOptions {
  /** Absolute path of the ledger, in a directory of root's. */
  ledgerPath: string;
  names?: HostNames;
  host?: LinuxHost;
}

/** As long as drawing up a plan may take. */
const READING_LIFE_MS = 500;

export class LinuxNetwork implements HostNetwork {
  readonly #host: LinuxHost;
  readonly #names: HostNames;
  readonly #ledger: Ledger;
  /** One thing at a time: two that read before either writes would undo each other. */
  #queue: Promise<unknown> = Promise.resolve();
  /** What protection was put up last, to hold the kernel against. */
  #protecting: HostPlan | null = null;
  readonly #known = new KnownPlan(() => void this.#lookAgain());
  /** Told where a look finds other than what was put up. */
  #events: WatchEvents | null = null;
  /** Read for a plan's facts: good for the change that comes of that plan at once, and for nothing after it. */
  #reading: (Reading & { at: number }) | null = null;

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
    return this.#inTurn(async () => {
      if (this.#known.isKnown)
        return { connected: connectedPrefixes(await readLinks(this.#host), this.#names) };
      const reading = await readHost(this.#host, this.#names);
      this.#reading = { ...reading, at: performance.now() };
      return { connected: connectedPrefixes(reading.links, this.#names) };
    });
  }

  protect(plan: HostPlan): Promise<void> {
    return this.#inTurn(async (reading) => {
      this.#ledger.claim(protectionClaims(plan.names, families(this.#host)));
      this.#protecting = plan;
      this.#known.forget();
      await putUp(this.#host, plan, reading ?? (await readHost(this.#host, plan.names)));
    });
  }

  connect(plan: HostPlan): Promise<void> {
    return this.#inTurn(async (reading) => {
      const settings = await settingClaims(this.#host);
      const protection = protectionClaims(plan.names, families(this.#host));
      this.#ledger.claim([...protection, ...connectionClaims(plan), ...settings]);
      this.#protecting = plan;
      const known = this.#known.take();
      if (known && (await this.#changeSlightly(known, plan))) return;
      const found = reading ?? (await readHost(this.#host, plan.names));
      const link = found.links.find(({ ifname }) => ifname === plan.names.device);
      const ways = this.#newWays(plan, found.routes);
      const opening = batch(this.#host, renderAdditions(ways, plan.names));
      await putUp(this.#host, plan, found, opening);
      await applySettings(this.#host, settings);
      await this.#joinTunnel(plan, link, [...found.routes, ...ways]);
      this.#known.connected(plan);
    });
  }

  disconnect(): Promise<string[]> {
    return this.#inTurn(() => {
      this.#known.forget();
      return this.#undoAll((claim) => classOf(claim) === 'connection');
    });
  }

  release(): Promise<string[]> {
    return this.#inTurn(async () => {
      this.#protecting = null;
      this.#known.forget();
      return await this.#undoAll(() => true);
    });
  }

  repair(): Promise<{ undone: string[]; kept: string[] }> {
    return this.#inTurn(async () => {
      this.#protecting = null;
      this.#known.forget();
      // The ledger may be gone with its disk: what carries our names is looked for as well.
      this.#ledger.claim(presumedClaims(this.#names).filter((claim) => claim.kind !== 'setting'));
      return await this.#undo(() => true);
    });
  }

  isProtected(): Promise<boolean> {
    return this.#inTurn(async () => {
      const plan = this.#protecting;
      return !plan || stands(this.#host, plan, await readHost(this.#host, this.#names));
    });
  }

  routeTo(address: string): Promise<RouteAnswer> {
    return routeTo(this.#host, address);
  }

  watch(events: WatchEvents): () => void {
    const fingerprint = () => networkFingerprint(this.#host, this.#names);
    let known = fingerprint();
    this.#events = events;
    this.#known.watched(true);
    const stop = monitorHost(this.#host, this.#names, {
      oursChanged: () => this.#known.somethingChanged(),
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
    return () => {
      this.#known.watched(false);
      stop();
    };
  }

  /**
   * While the tunnel is up, new ways into it come before their refusals: inside a wider range that goes, a refusal alone would
   * win, and what is on its way would meet it.
   */
  #newWays(plan: HostPlan, current: readonly TableRoute[]): readonly TableRoute[] {
    if (!current.some(({ kind }) => kind === 'tunnel')) return [];
    return routeChanges(current, possible(this.#host, tunnelRoutes(plan)), ['tunnel']).add;
  }

  /** A kernel that refuses has something else than was known: then everything is read. */
  async #changeSlightly(known: HostPlan, plan: HostPlan): Promise<boolean> {
    const isDone = await changeSlightly(this.#host, known, plan).catch(() => false);
    if (isDone) this.#known.connected(plan);
    return isDone;
  }

  /** After a change, when all is quiet: what stands is as it was planned, and known from now on, or somebody is told. */
  #lookAgain(): Promise<void> {
    return this.#inTurn(async () => {
      const plan = this.#known.candidate;
      if (!plan) return;
      const { changes } = this.#known;
      const found = await readHost(this.#host, this.#names).catch(() => null);
      if (found && stands(this.#host, plan, found) && isConnected(this.#host, plan, found))
        this.#known.confirm(changes);
      else this.#events?.protectionTouched();
    });
  }

  async #joinTunnel(
    plan: HostPlan,
    link: Link | undefined,
    current: readonly TableRoute[],
  ): Promise<void> {
    const { names } = plan;
    if (!link) throw new Fault('network-refused', { reason: `there is no device ${names.device}` });
    await changeRoutes(this.#host, names, {
      first: await deviceChange(this.#host, plan, link),
      current,
      wanted: possible(this.#host, tunnelRoutes(plan)),
      kinds: ['tunnel'],
    });
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

  #takeReading(): Reading | null {
    const reading = this.#reading;
    this.#reading = null;
    return reading && performance.now() - reading.at < READING_LIFE_MS ? reading : null;
  }

  #inTurn<T>(work: (reading: Reading | null) => Promise<T>): Promise<T> {
    const begin = () => work(this.#takeReading());
    const turn = this.#queue.then(begin, begin);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}
