/** What the daemon asks of the computer's network. Each platform has one; `fake/` is the one for other people's tests. */
import type { HostFacts, HostPlan } from '../../contract/host-plan.ts';
import type { Problem } from '../../contract/local-api.ts';

export interface HostNetwork {
  /** Why this computer cannot run a tunnel, most important first; empty when it can. Changes nothing. */
  probe(): Promise<Problem[]>;

  facts(): Promise<HostFacts>;

  /** Puts the protection up or replaces it whole; between old and new there is no moment without. */
  protect(plan: HostPlan): Promise<void>;

  /** Protection, addresses and routes; the tunnel's device must exist. Applying twice changes nothing. */
  connect(plan: HostPlan): Promise<void>;

  /** Takes everything back but the protection. Answers what was taken back. */
  disconnect(): Promise<string[]>;

  /** Takes everything back. Throws a `Fault` with `undo-refused` where something stays; asking again is safe. */
  release(): Promise<string[]>;

  /** Takes back whatever the ledger names, and what carries our names where the ledger is damaged or gone. */
  repair(): Promise<{ undone: string[]; kept: string[] }>;

  /** Whether the protection still stands as it was put up; another program may have flushed it. */
  isProtected(): Promise<boolean>;

  /** How the kernel would send a packet there now. */
  routeTo(address: string): Promise<RouteAnswer>;

  /** Calls back, debounced, until the answer is called. Changes of our own making are not told. */
  watch(events: WatchEvents): () => void;
}

export interface WatchEvents {
  /** Links, addresses or routes changed: the way to the gateway may be another one. */
  networkChanged(): void;
  /** Somebody touched the firewall or the routing rules: ask `isProtected`. */
  protectionTouched(): void;
}

export type RouteAnswer =
  | {
      kind: 'route';
      interface: string;
      via: string | null;
      table: number | null;
      source: string | null;
    }
  | { kind: 'refused'; reason: string };
