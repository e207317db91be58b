/**
 * Random sequences of what people, networks, engines and kernels do, against a simulated host. The host fails at random,
 * events come late and in any order; what must hold is checked after every single effect.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { problem } from '../../contract/problem.ts';
import { afterFailedProtection, enqueue } from './effect-queue.ts';
import { firstStep, step } from './step.ts';
import type {
  Context,
  Effect,
  Step,
  TunnelConfig,
  TunnelEvent,
  TunnelState,
  Way,
} from './tunnel-state.ts';

interface Host {
  isProtected: boolean;
  hasEngine: boolean;
  peer: string | null;
  hasRoutes: boolean;
}

type Action =
  | { act: 'want'; on: boolean }
  | { act: 'run'; fails: boolean }
  | { act: 'wait'; ms: number }
  | { act: 'handshake' }
  | { act: 'kill-engine' }
  | { act: 'roam' }
  | { act: 'configure'; config: number }
  | { act: 'restart-daemon' };

const CLEAN: Host = { isProtected: false, hasEngine: false, peer: null, hasRoutes: false };
const CONFIGS: readonly (TunnelConfig | null)[] = [
  config(['tokyo']),
  config(['oslo', 'tokyo']),
  { ...config(['tokyo']), blocked: problem('session-expired', { expiredAt: 0 }) },
  config([]),
];

class World {
  state: TunnelState = { kind: 'off' };
  host = CLEAN;
  wanted = false;
  waiting: readonly Effect[] = [];
  now = 1_000_000;
  handshakeAt: number | null = null;
  config: TunnelConfig | null = CONFIGS[0] ?? null;
  /** Protection stood at some time since somebody last switched on. */
  owesProtection = false;

  act(action: Action): void {
    switch (action.act) {
      case 'want':
        this.wanted = action.on;
        if (!action.on) this.owesProtection = false;
        this.send({ kind: action.on ? 'want-on' : 'want-off' });
        break;
      case 'run':
        this.runOne(action.fails);
        break;
      case 'wait':
        this.now += action.ms;
        this.look();
        this.send({ kind: 'tick' });
        break;
      case 'handshake':
        if (this.host.hasEngine && this.host.peer) this.handshakeAt = this.now;
        this.look();
        break;
      case 'kill-engine':
        this.host = { ...this.host, hasEngine: false, peer: null, hasRoutes: false };
        this.handshakeAt = null;
        break;
      case 'roam':
        this.send({ kind: 'network-changed' });
        break;
      case 'configure':
        this.config = CONFIGS[action.config] ?? null;
        this.send({ kind: 'config-changed' });
        break;
      case 'restart-daemon':
        // Killed and started again: the host is as it was, what waited is lost.
        this.waiting = [];
        this.take(firstStep(this.wanted ? 'on' : 'off', this.context()));
        break;
    }
  }

  send(event: TunnelEvent): void {
    this.take(step(this.state, event, this.context()));
  }

  take({ state, effects }: Step): void {
    this.state = state;
    this.waiting = enqueue(this.waiting, effects);
    this.check();
  }

  context(): Context {
    return { now: this.now, uptime: this.now, config: this.config };
  }

  runOne(fails: boolean): void {
    const [effect, ...rest] = this.waiting;
    if (!effect) return;
    this.waiting = rest;
    if (fails) {
      if (effect.do === 'protect') this.waiting = afterFailedProtection(this.waiting);
      const failure = failed(effect);
      if (failure) this.send(failure);
      return;
    }
    this.host = applied(effect, this.host);
    expect(applied(effect, this.host), 'running an effect twice changes nothing').toEqual(
      this.host,
    );
    if (effect.do === 'point') this.handshakeAt = null;
    if (this.wanted && this.host.isProtected) this.owesProtection = true;
    this.check();
    const result = succeeded(effect);
    if (result) this.send(result);
  }

  look(): void {
    const { state } = this;
    const isJoining = state.kind === 'starting' || state.kind === 'reconnecting';
    if (state.kind !== 'on' && !(isJoining && state.phase !== 'engine')) return;
    const path = { lastHandshakeAt: this.handshakeAt, rxBytes: 0, txBytes: 0 };
    this.send(this.host.hasEngine ? { kind: 'path', path } : { kind: 'engine-gone' });
  }

  check(): void {
    if (this.owesProtection)
      expect(this.host.isProtected, 'protection stays while on is wanted').toBe(true);
    if (this.host.hasRoutes)
      expect(this.host.isProtected, 'no route without protection').toBe(true);
    if (this.state.kind === 'off') expect(this.host, 'off leaves nothing behind').toEqual(CLEAN);
    const doing = this.waiting.map((effect) => effect.do);
    expect(new Set(doing).size, 'nothing waits twice').toBe(doing.length);
    expect(doing.indexOf('stop'), 'a stop is never behind what it undoes').toBeLessThanOrEqual(0);
  }

  isSettled(): boolean {
    return this.waiting.length === 0 && ['on', 'off'].includes(this.state.kind);
  }

  /** Nothing fails any more and gateways answer: where does it end? */
  settle(): void {
    for (let round = 0; round < 60 && !this.isSettled(); round++) {
      while (this.waiting.length > 0) this.runOne(false);
      this.act({ act: 'handshake' });
      this.act({ act: 'wait', ms: 1000 });
    }
  }
}

test('no sequence of events takes the protection away, leaves something behind or gets stuck', () => {
  fc.assert(
    fc.property(fc.array(action(), { maxLength: 80 }), (actions) => {
      const world = new World();
      for (const each of actions) world.act(each);

      world.settle();

      expect(world.state.kind).toBe(expectedEnd(world));
      if (world.state.kind === 'on') {
        const peer = world.state.via.gatewayId;
        expect(world.host).toEqual({ isProtected: true, hasEngine: true, peer, hasRoutes: true });
      }
    }),
    { numRuns: 1000 },
  );
});

function expectedEnd(world: World): TunnelState['kind'] {
  if (!world.wanted) return 'off';
  const mayConnect = world.config?.blocked === null && world.config.ways.length > 0;
  return mayConnect ? 'on' : 'failed';
}

function applied(effect: Effect, host: Host): Host {
  switch (effect.do) {
    case 'protect':
      return { ...host, isProtected: true };
    case 'start-engine':
      return { ...host, hasEngine: true };
    case 'point':
      return host.hasEngine ? { ...host, peer: effect.way.gatewayId } : host;
    case 'apply-network':
      return { ...host, hasRoutes: host.hasEngine };
    case 'pause':
      return { ...CLEAN, isProtected: host.isProtected };
    case 'stop':
      return CLEAN;
  }
}

function succeeded(effect: Effect): TunnelEvent | undefined {
  if (effect.do === 'start-engine') return { kind: 'engine-ready' };
  if (effect.do === 'apply-network') return { kind: 'network-applied' };
  return effect.do === 'stop' ? { kind: 'stopped' } : undefined;
}

function failed(effect: Effect): TunnelEvent | undefined {
  const why = problem('unexpected', { reason: 'the test says so' });
  if (effect.do === 'start-engine') return { kind: 'engine-failed', problem: why };
  if (effect.do === 'stop') return { kind: 'stop-failed', problem: why };
  if (effect.do === 'point') return { kind: 'way-failed', problem: why };
  return effect.do === 'pause' ? undefined : { kind: 'network-refused', problem: why };
}

function action(): fc.Arbitrary<Action> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ act: fc.constant('want' as const), on: fc.boolean() }) },
    { weight: 8, arbitrary: fc.record({ act: fc.constant('run' as const), fails: fc.boolean() }) },
    {
      weight: 4,
      arbitrary: fc.record({
        act: fc.constant('wait' as const),
        ms: fc.constantFrom(250, 1000, 12_000, 40_000),
      }),
    },
    { weight: 4, arbitrary: fc.constant({ act: 'handshake' as const }) },
    { weight: 1, arbitrary: fc.constant({ act: 'kill-engine' as const }) },
    { weight: 1, arbitrary: fc.constant({ act: 'roam' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        act: fc.constant('configure' as const),
        config: fc.nat(CONFIGS.length - 1),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ act: 'restart-daemon' as const }) },
  );
}

function config(gateways: string[]): TunnelConfig {
  return { ways: gateways.map(way), keepaliveSeconds: 25, blocked: null };
}

function way(id: string): Way {
  return { gatewayId: id, gatewayName: id, publicKey: `${id}-key`, endpoint: '203.0.113.1:51820' };
}
