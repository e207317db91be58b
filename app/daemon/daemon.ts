/** Joins the parts of culvertd. Each decides for itself; what happens here is only who tells whom. */
import type { Logger } from 'pino';
import type { DeviceConfig } from '../../gateway/contract/snapshot.ts';
import type { HostNames } from '../contract/host-plan.ts';
import type { Problem, Status } from '../contract/local-api.ts';
import { DeviceHost } from './device-host.ts';
import type { Backend } from './engine/backend.ts';
import { answerRoutes, answerWhy, type ExplainParts } from './explain.ts';
import { Findings } from './findings.ts';
import type { Handlers } from './local-api/calls.ts';
import type { HostNetwork } from './network/host-network.ts';
import { whyBlocked } from './policy/plan-host.ts';
import { ProtectionWatch } from './protection-watch.ts';
import type { Device } from './session/membership.ts';
import { Session } from './session/session.ts';
import { deriveStatus } from './status.ts';
import { StatusWatchers } from './status-watchers.ts';
import type { Store } from './store/store.ts';
import { Switch } from './switch.ts';
import { TunnelShell } from './tunnel/tunnel-shell.ts';
import type { TunnelConfig, TunnelState } from './tunnel/tunnel-state.ts';
import { localChoices, tunnelConfig } from './tunnel-input.ts';

export interface DaemonParts {
  store: Store;
  network: HostNetwork;
  backend: Backend;
  names: HostNames;
  device: Device;
  /** What was found wrong with this computer and the state files; shown as notices. */
  problems: readonly Problem[];
  log: Logger;
}

/** Counters and handshakes move without a change of state. */
const REFRESH_MS = 1000;

export class Daemon {
  readonly #parts: DaemonParts;
  readonly #host: DeviceHost;
  readonly #tunnel: TunnelShell;
  readonly #session: Session;
  readonly #switch: Switch;
  readonly #watchers = new StatusWatchers(() => this.status());
  readonly #findings: Findings;
  readonly #protection: ProtectionWatch;
  #lastConfig = '';
  #refresh: NodeJS.Timeout | null = null;
  #unwatch: (() => void)[] = [];

  constructor(parts: DaemonParts) {
    const { store, network, backend, names, log } = parts;
    this.#parts = parts;
    this.#findings = new Findings(parts.problems);
    this.#host = new DeviceHost({
      network,
      backend,
      names,
      input: () => ({
        config: this.#session.facts.config,
        useLocal: localChoices(store),
        privateKey: store.keys?.wireguard.reveal() ?? null,
      }),
      onPlan: () => this.#changed(),
      onApplied: (revision) => this.#session.acknowledge(revision, null),
    });
    this.#protection = new ProtectionWatch({
      network,
      findings: this.#findings,
      log,
      isWanted: () => store.wanted === 'on',
      onLost: () => this.#tunnel.send({ kind: 'config-changed' }),
      onFindings: () => this.#changed(),
    });
    this.#tunnel = new TunnelShell(this.#host, log.child({ part: 'tunnel' }), (state) =>
      this.#tunnelMoved(state),
    );
    this.#session = new Session(
      store,
      parts.device,
      {
        onConfig: (config) => this.#configured(config),
        onEnded: (why, isRemoval) => this.#ended(why, isRemoval),
        onChange: () => this.#changed(),
      },
      log.child({ part: 'session' }),
    );
    this.#switch = new Switch({
      store,
      network,
      tunnel: this.#tunnel,
      session: this.#session,
      watchers: this.#watchers,
      status: () => this.status(),
      onSignedOut: () => {
        this.#lastConfig = '';
        this.#tunnel.setConfig(null);
      },
    });
  }

  /** The host first: what is private stays protected before anything else is tried. */
  async begin(): Promise<void> {
    const { store, network, backend } = this.#parts;
    await this.#session.begin();
    this.#tunnel.begin(store.wanted, this.#tunnelConfig());
    this.#switch.begin();
    this.#unwatch = [
      network.watch({
        networkChanged: () => this.#networkChanged(),
        protectionTouched: () => void this.#protection.check(),
      }),
      backend.onGone(() => this.#tunnel.send({ kind: 'engine-gone' })),
      backend.onHandshake(() => this.#tunnel.lookNow()),
    ];
    this.#refresh = setInterval(() => this.#refreshIfMoving(), REFRESH_MS);
  }

  /** Leaves tunnel and protection as they are: the next daemon adopts them. */
  async close(): Promise<void> {
    for (const unwatch of this.#unwatch) unwatch();
    if (this.#refresh) clearInterval(this.#refresh);
    this.#watchers.close();
    this.#switch.close();
    this.#session.close();
    await this.#tunnel.close();
  }

  get handlers(): Handlers {
    const session = this.#session;
    return {
      status: () => this.status(),
      startLogin: async ({ link, redirectPort }, uid) => {
        const { loginId, authorizeUrl } = await session.startLogin(link, redirectPort, uid);
        return { loginId, authorizeUrl };
      },
      finishLogin: async ({ loginId, callback }, uid) => {
        await session.finishLogin(loginId, callback, uid);
        return this.status();
      },
      cancelLogin: (_body, uid) => {
        session.cancelLogin(null, uid);
        return this.status();
      },
      up: () => this.#switch.want('on'),
      down: () => this.#switch.want('off'),
      pause: ({ seconds }) => this.#switch.pause(seconds * 1000),
      logout: () => this.#switch.logout(),
      why: (request) => answerWhy(request, this.#explainParts()),
      routes: () => answerRoutes(session.facts.config, this.#host.plan),
      repair: () => this.#switch.repair(),
      watch: (listener) => this.#watchers.add(listener),
    };
  }

  status(): Status {
    const { store, backend, names, device } = this.#parts;
    return deriveStatus({
      version: device.clientVersion,
      now: Date.now(),
      wanted: store.wanted,
      pausedUntil: store.pausedUntil,
      session: this.#session.facts,
      tunnel: this.#tunnel.state,
      path: this.#tunnel.path,
      endpoint: this.#host.endpoint,
      backend: backend.kind,
      device: names.device,
      plan: this.#host.plan,
      problems: this.#findings.all,
    });
  }

  /** A stream that comes back brings the same snapshot again: acknowledged, but nothing on the host is touched. */
  #configured(config: DeviceConfig): void {
    const text = JSON.stringify({ ...config, issuedAt: 0, expiresAt: 0, revision: 0 });
    const isActive = this.#tunnel.state.kind === 'on' || this.#tunnel.state.kind === 'reconnecting';
    const isSame = text === this.#lastConfig;
    this.#lastConfig = text;
    // While connected it counts as applied when the host follows it.
    if (isSame || !isActive) this.#session.acknowledge(config.revision, null);
    if (!isSame) this.#tunnel.setConfig(this.#tunnelConfig());
    this.#changed();
  }

  #ended(why: Problem, isRemoval: boolean): void {
    this.#parts.log.warn({ code: why.code }, 'the organisation ended this device’s session');
    // Removal is an administrator's disconnect; an ended session keeps its protection until somebody signs in or off.
    if (isRemoval) this.#switch.want('off');
    this.#tunnel.setConfig(this.#tunnelConfig());
    this.#changed();
  }

  #tunnelConfig(): TunnelConfig | null {
    const { config, membership } = this.#session.facts;
    return config && membership && tunnelConfig(config, membership.ended ?? whyBlocked(config));
  }

  #tunnelMoved(state: TunnelState): void {
    if (state.kind === 'failed') {
      const { config } = this.#session.facts;
      if (config && state.problem.code === 'network-refused') {
        this.#session.acknowledge(config.revision, String(state.problem.detail.reason ?? ''));
      }
    }
    this.#watchers.tellNow();
  }

  #networkChanged(): void {
    this.#parts.log.info({}, 'the network changed');
    this.#tunnel.send({ kind: 'network-changed' });
    this.#session.networkChanged();
  }

  #explainParts(): ExplainParts {
    return {
      names: this.#parts.names,
      config: () => this.#session.facts.config,
      plan: () => this.#host.plan,
      tunnel: () => this.#tunnel.state,
      path: () => this.#tunnel.path,
      routeTo: (address) => this.#parts.network.routeTo(address),
      askGateway: (request) => this.#session.explain(request),
    };
  }

  #refreshIfMoving(): void {
    if (this.#watchers.isAnybodyThere && this.#tunnel.state.kind === 'on') this.#changed();
  }

  #changed(): void {
    this.#watchers.tell();
  }
}
