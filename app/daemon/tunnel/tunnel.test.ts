import { describe, expect, test } from 'vitest';
import { problem } from '../../contract/problem.ts';
import { enqueue } from './effect-queue.ts';
import { step } from './step.ts';
import type {
  Context,
  Effect,
  TunnelConfig,
  TunnelEvent,
  TunnelState,
  Way,
} from './tunnel-state.ts';

const tokyo = way('tokyo', '203.0.113.1:51820');
const oslo = way('oslo', '203.0.113.2:51820');

describe('the way up', () => {
  test('protection comes before the engine, the engine before the handshake, the handshake before the routes', () => {
    const tunnel = run([tokyo]);

    tunnel.send({ kind: 'want-on' });
    tunnel.send({ kind: 'engine-ready' });
    tunnel.send(handshake(1_000));
    tunnel.send({ kind: 'network-applied' });

    expect(tunnel.done()).toEqual(['protect', 'start-engine', 'point tokyo', 'apply-network']);
    expect(tunnel.state).toMatchObject({ kind: 'on', via: tokyo });
  });

  test('without a configuration it says that somebody has to sign in, and starts when one comes', () => {
    const tunnel = run(null);

    tunnel.send({ kind: 'want-on' });
    expect(tunnel.state).toMatchObject({
      kind: 'failed',
      problem: problem('not-signed-in'),
      retry: null,
    });
    tunnel.config = config([tokyo]);
    tunnel.send({ kind: 'config-changed' });

    expect(tunnel.state.kind).toBe('starting');
  });

  test('a silent gateway is given up after two retries, for the next endpoint', () => {
    const tunnel = run([tokyo, oslo]);
    tunnel.send({ kind: 'want-on' });
    tunnel.send({ kind: 'engine-ready' });

    tunnel.wait(10_999);
    expect(tunnel.state).toMatchObject({ attempt: 1, via: tokyo });
    tunnel.wait(1);

    expect(tunnel.state).toMatchObject({
      attempt: 2,
      via: oslo,
      problem: { code: 'no-handshake' },
    });
    expect(tunnel.done().at(-1)).toBe('point oslo, fresh');
  });

  test('a handshake that was there before a retry does not count as its success', () => {
    const tunnel = connected([tokyo]);
    tunnel.send({ kind: 'network-changed' });
    tunnel.wait(11_000);
    expect(tunnel.state.kind).toBe('reconnecting');

    tunnel.send(handshake(1_000));

    expect(tunnel.state).toMatchObject({ kind: 'reconnecting', phase: 'handshake' });
  });

  test('an adopted engine with a live session is on without a new handshake', () => {
    const tunnel = run([tokyo]);
    tunnel.send({ kind: 'want-on' });
    tunnel.send({ kind: 'engine-ready' });

    tunnel.send(handshake(tunnel.now - 100_000));

    expect(tunnel.state).toMatchObject({ phase: 'routes' });
    expect(tunnel.done()).not.toContain('point tokyo, fresh');
  });

  test('an engine that cannot start is tried again, later each time, up to every 30 s', () => {
    const tunnel = run([tokyo]);
    const waits: number[] = [];
    tunnel.send({ kind: 'want-on' });

    for (let round = 0; round < 8; round++) {
      tunnel.send({ kind: 'engine-failed', problem: problem('tun-missing') });
      const { state } = tunnel;
      if (state.kind !== 'failed' || state.retry === null) throw new Error('not failed');
      waits.push(state.retry.at - tunnel.now);
      tunnel.wait(state.retry.at - tunnel.now);
    }

    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('a configuration that may not connect still protects', () => {
    const tunnel = run([tokyo]);
    tunnel.config = { ...config([tokyo]), blocked: problem('session-expired', { expiredAt: 0 }) };

    tunnel.send({ kind: 'want-on' });

    expect(tunnel.done()).toEqual(['protect']);
    expect(tunnel.state).toMatchObject({ kind: 'failed', problem: { code: 'session-expired' } });
  });
});

describe('while on', () => {
  test('a changed network asks for a handshake at once and stays on when it comes', () => {
    const tunnel = connected([tokyo]);

    tunnel.send({ kind: 'network-changed' });
    tunnel.send(handshake(2_000));
    tunnel.wait(60_000);

    expect(tunnel.done().slice(4)).toEqual(['apply-network', 'point tokyo, fresh']);
    expect(tunnel.state.kind).toBe('on');
  });

  test('data without an answer for 20 s is a lost path; keepalives without one are not', () => {
    const quiet = connected([tokyo]);
    for (let second = 1; second <= 100; second++) {
      quiet.send(handshake(1_000, { txBytes: 32 * Math.floor(second / 25) }));
      quiet.wait(1000);
    }
    expect(quiet.state.kind).toBe('on');

    const lost = connected([tokyo, oslo]);
    for (let second = 1; second <= 21; second++) {
      lost.send(handshake(1_000, { txBytes: 148 * second }));
      lost.wait(1000);
    }
    expect(lost.state).toMatchObject({
      kind: 'reconnecting',
      via: oslo,
      problem: { code: 'path-lost' },
    });
  });

  test('a dead engine is started again; protection is not touched', () => {
    const tunnel = connected([tokyo]);

    tunnel.send({ kind: 'engine-gone' });
    tunnel.send({ kind: 'engine-ready' });
    tunnel.send(handshake(2_000));
    tunnel.send({ kind: 'network-applied' });

    expect(tunnel.done().slice(4)).toEqual(['start-engine', 'point tokyo, fresh', 'apply-network']);
    expect(tunnel.state.kind).toBe('on');
  });

  test('a new configuration is applied without leaving the gateway it still names', () => {
    const tunnel = connected([tokyo]);

    tunnel.config = config([oslo, tokyo]);
    tunnel.send({ kind: 'config-changed' });

    expect(tunnel.state).toMatchObject({ kind: 'on', via: tokyo });
    expect(tunnel.done().slice(4)).toEqual(['apply-network']);
  });

  test('a gateway that the configuration no longer names is left for the best one', () => {
    const tunnel = connected([tokyo]);

    tunnel.config = config([oslo]);
    tunnel.send({ kind: 'config-changed' });

    expect(tunnel.state).toMatchObject({ kind: 'reconnecting', via: oslo });
  });

  test('an ended session keeps the protection and gives the rest back', () => {
    const tunnel = connected([tokyo]);

    tunnel.config = { ...config([tokyo]), blocked: problem('session-expired', { expiredAt: 0 }) };
    tunnel.send({ kind: 'config-changed' });

    expect(tunnel.done().slice(4)).toEqual(['protect', 'pause']);
  });
});

describe('the way down', () => {
  test('wanting on again while stopping starts after the stop, not across it', () => {
    const tunnel = connected([tokyo]);

    tunnel.send({ kind: 'want-off' });
    tunnel.send({ kind: 'want-on' });
    expect(tunnel.state.kind).toBe('stopping');
    tunnel.send({ kind: 'stopped' });

    expect(tunnel.done().slice(4)).toEqual(['stop', 'protect', 'start-engine']);
  });

  test('a stop that failed is tried again until it is through', () => {
    const tunnel = connected([tokyo]);
    tunnel.send({ kind: 'want-off' });

    tunnel.send({ kind: 'stop-failed', problem: problem('undo-refused', { reason: 'busy' }) });
    tunnel.wait(1000);
    tunnel.send({ kind: 'stopped' });

    expect(tunnel.state).toEqual({ kind: 'off' });
  });
});

describe('the queue', () => {
  test('ten configurations become one change, and a stop makes what waits pointless', () => {
    const refresh: Effect[] = [{ do: 'protect' }, { do: 'apply-network' }];
    const ten = Array.from({ length: 10 }).reduce<readonly Effect[]>(
      (queue) => enqueue(queue, refresh),
      [],
    );

    expect(ten).toEqual(refresh);
    expect(enqueue(ten, [{ do: 'stop' }])).toEqual([{ do: 'stop' }]);
  });
});

function run(ways: Way[] | null) {
  const done: string[] = [];
  const tunnel = {
    state: { kind: 'off' } as TunnelState,
    now: 10_000,
    config: ways && config(ways),
    send(event: TunnelEvent): void {
      const context: Context = { now: tunnel.now, uptime: tunnel.now, config: tunnel.config };
      const { state, effects } = step(tunnel.state, event, context);
      tunnel.state = state;
      done.push(...effects.map(named));
    },
    wait(ms: number): void {
      tunnel.now += ms;
      tunnel.send({ kind: 'tick' });
    },
    done: () => done,
  };
  return tunnel;
}

function connected(ways: Way[]) {
  const tunnel = run(ways);
  for (const event of [
    { kind: 'want-on' },
    { kind: 'engine-ready' },
    handshake(1_000),
    { kind: 'network-applied' },
  ]) {
    tunnel.send(event as TunnelEvent);
  }
  return tunnel;
}

function named(effect: Effect): string {
  if (effect.do !== 'point') return effect.do;
  return `point ${effect.way.gatewayId}${effect.isFresh ? ', fresh' : ''}`;
}

function handshake(lastHandshakeAt: number, parts: { txBytes?: number } = {}): TunnelEvent {
  return { kind: 'path', path: { lastHandshakeAt, rxBytes: 0, txBytes: 0, ...parts } };
}

function config(ways: Way[]): TunnelConfig {
  return { ways, keepaliveSeconds: 25, blocked: null };
}

function way(id: string, endpoint: string): Way {
  return { gatewayId: id, gatewayName: id, publicKey: `${id}-key`, endpoint };
}
