import { describe, expect, test } from 'vitest';
import type { ExplainAnswer } from '../../../gateway/contract/device-api.ts';
import { cidr } from '../../../gateway/contract/net/prefix.ts';
import { say } from '../../contract/sentences/say.ts';
import { assembleWhy, type WhyInput } from './why.ts';

const NOW = 1_700_000_000_000;

test('a blocking rule is named, with whom to ask, and what came before it', () => {
  const blocked = explain({
    verdict: 'blocked',
    rule: { id: 'r', name: 'Contractors: web only', number: 7, action: 'block' },
    contact: 'it@example.com',
  });

  expect(told({ port: 22, explained: { kind: 'answer', answer: blocked } })).toEqual([
    'no: You can’t reach 192.168.0.10:22: the rule “Contractors: web only” blocks it. Ask: it@example.com',
    'ok split-tunnel: include list of “Default”: 192.168.0.0/24',
    'ok route: culvert0, table 5182',
    'ok gateway: tokyo-gw-1, handshake 14 s ago, 9 ms',
    'ok connector: vpc-a (2 of 2 healthy)',
    'stop rule: #7 Contractors: web only',
    'skipped target: not tried',
  ]);
});

test('an allowed destination is reachable, and says that the host itself was not tried', () => {
  const [summary, ...steps] = told({ explained: { kind: 'answer', answer: explain({}) } });

  expect(summary).toBe('yes: You can reach 192.168.0.10 through tokyo-vpc.');
  expect(steps.at(-1)).toBe(
    'unknown target: the way is free; whether the host answers was not tried',
  );
});

test('what goes directly names the entry and the way out, and asks no gateway', () => {
  const entry = '192.168.0.9/32';
  const because = { kind: 'list', list: 'exclude', entry, prefix: cidr(entry) } as const;
  const split = { path: 'direct', because, entry, profile: 'Default' } as const;
  const route = { kind: 'route', interface: 'wlan0', via: '192.168.0.1', table: null } as const;

  expect(told({ split, route })).toEqual([
    'unknown: 192.168.0.10 goes directly, not through Culvert.',
    'ok split-tunnel: exclude list of “Default”: 192.168.0.9/32',
    'ok route: wlan0 via 192.168.0.1',
    ...['gateway', 'connector', 'rule', 'target'].map(
      (step) => `skipped ${step}: outside the tunnel; Culvert has no part in it`,
    ),
  ]);
});

describe('the first thing that is missing is what stops', () => {
  const answered = (parts: Partial<ExplainAnswer>): Partial<WhyInput> => ({
    explained: { kind: 'answer', answer: explain(parts) },
  });
  test.each<[string, Partial<WhyInput>, string]>([
    [
      'the name',
      { destination: 'nowhere.corp', address: null },
      'no: “nowhere.corp” has no address, so there is no way to it. Check the spelling.',
    ],
    [
      'the configuration',
      { split: null },
      'no: You can’t reach 192.168.0.10 now: this device is not signed in.',
    ],
    [
      'the switch',
      { tunnel: 'off' },
      'no: You can’t reach 192.168.0.10 now: the tunnel is off. Switch Culvert on.',
    ],
    [
      'the gateway',
      { tunnel: 'connecting' },
      'no: You can’t reach 192.168.0.10 now: tokyo-gw-1 does not answer.',
    ],
    [
      'a connector',
      answered({ verdict: 'no-connector' }),
      'no: You can’t reach 192.168.0.10: no connector of tokyo-vpc works right now.',
    ],
    [
      'a network',
      answered({ verdict: 'no-network', network: null }),
      'no: You can’t reach 192.168.0.10: no network that you may reach holds it.',
    ],
    [
      'a rule',
      answered({ verdict: 'no-rule', rule: null }),
      'no: You can’t reach 192.168.0.10: no rule allows it.',
    ],
    [
      'the control plane',
      { explained: { kind: 'unasked', reason: 'refused' } },
      'unknown: 192.168.0.10 goes into the tunnel; tokyo-gw-1 could not be asked for the rest.',
    ],
    [
      'the route',
      { route: { kind: 'route', interface: 'eth0', via: null, table: null } },
      'no: 192.168.0.10 should go another way than this computer sends it. Run “sudo culvert repair”.',
    ],
  ])('%s', (_what, parts, sentence) => {
    const answer = assembleWhy(input(parts));

    expect(`${answer.reachable}: ${say(answer.summary, 'en', NOW)}`).toBe(sentence);
    const order = answer.steps.map((step) => step.step);
    expect(order).toEqual(['split-tunnel', 'route', 'gateway', 'connector', 'rule', 'target']);
    const stopped = answer.steps.findIndex((step) => step.outcome === 'stop');
    const after = stopped < 0 ? [] : answer.steps.slice(stopped + 1);
    expect(after.filter((step) => step.outcome !== 'skipped')).toEqual([]);
  });
});

function told(parts: Partial<WhyInput>): string[] {
  const answer = assembleWhy(input(parts));
  const steps = answer.steps.map(
    (step) => `${step.outcome} ${step.step}: ${say(step.says, 'en', NOW)}`,
  );
  return [`${answer.reachable}: ${say(answer.summary, 'en', NOW)}`, ...steps];
}

function input(parts: Partial<WhyInput>): WhyInput {
  const entry = '192.168.0.0/24';
  return {
    destination: '192.168.0.10',
    port: undefined,
    address: '192.168.0.10',
    split: {
      path: 'tunnel',
      because: { kind: 'list', list: 'include', entry, prefix: cidr(entry) },
      entry,
      profile: 'Default',
    },
    tunnel: 'on',
    device: { name: 'culvert0', table: 5182 },
    route: { kind: 'route', interface: 'culvert0', via: null, table: 5182 },
    gateway: { name: 'tokyo-gw-1', lastHandshakeAt: NOW - 14_000, rttMs: 9.4 },
    explained: null,
    ...parts,
  };
}

function explain(parts: Partial<ExplainAnswer>): ExplainAnswer {
  return {
    gateway: { id: 'g', name: 'tokyo-gw-1', lastHandshakeAt: NOW },
    network: { id: 'n', name: 'tokyo-vpc', range: '192.168.0.0/24' },
    connector: { id: 'c', name: 'vpc-a', healthy: 2, total: 2 },
    rule: { id: 'r', name: 'Everyone', number: 1, action: 'allow' },
    verdict: 'allowed',
    ...parts,
  };
}
