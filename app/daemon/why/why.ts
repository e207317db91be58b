/**
 * `culvert why`: each link between this computer and a destination, in the order a packet meets them, and the first one
 * that stops it. Pure: whoever calls has asked the kernel and the gateway already.
 */
import type { z } from 'zod';
import type { ExplainAnswer } from '../../../gateway/contract/device-api.ts';
import type { PlannedRoute } from '../../contract/host-plan.ts';
import type { Problem, WhyAnswer, WhyStep } from '../../contract/local-api.ts';
import { problem } from '../../contract/problem.ts';

export interface WhyInput {
  destination: string;
  port: number | undefined;
  /** Null: the name has no address. */
  address: string | null;
  /** Null: there is no configuration yet. */
  split: SplitAnswer | null;
  tunnel: 'off' | 'connecting' | 'on';
  device: { name: string; table: number };
  /** Null: nobody asked. */
  route: KernelRoute | null;
  gateway: { name: string; lastHandshakeAt: number | null; rttMs: number | null } | null;
  /** Null: nobody asked, for an earlier step stops. */
  explained: Explained | null;
}

export interface SplitAnswer {
  path: 'tunnel' | 'direct';
  because: PlannedRoute['because'];
  /** The entry's prefix, printed. */
  entry: string;
  profile: string;
}

export type KernelRoute =
  | { kind: 'route'; interface: string; via: string | null; table: number | null }
  | { kind: 'refused'; reason: string };

export type Explained =
  | { kind: 'answer'; answer: ExplainAnswer }
  | { kind: 'unasked'; reason: string };

type Step = z.infer<typeof WhyStep>;
type Name = Step['step'];
type Verdict = Pick<WhyAnswer, 'reachable' | 'summary'>;

const ORDER: readonly Name[] = ['split-tunnel', 'route', 'gateway', 'connector', 'rule', 'target'];

export function assembleWhy(input: WhyInput): WhyAnswer {
  const steps: Step[] = [];
  const verdict = walk(input, steps);
  const untold = input.split?.path === 'direct' && verdict.reachable !== 'no';
  const says = problem(untold ? 'why-target-direct' : 'why-target-unasked');
  const rest = ORDER.slice(steps.length).map((step): Step => ({ step, outcome: 'skipped', says }));
  const { destination, address, split } = input;
  return {
    destination,
    address,
    path: split?.path ?? 'direct',
    ...verdict,
    steps: [...steps, ...rest],
  };
}

function walk(input: WhyInput, steps: Step[]): Verdict {
  const target = targetOf(input);
  if (input.address === null) {
    steps.push(stop('split-tunnel', problem('why-name-unknown', { name: input.destination })));
    return no(problem('sum-unknown-name', { target }));
  }
  if (input.split === null) {
    steps.push(stop('split-tunnel', problem('why-no-config')));
    return no(problem('sum-signed-out', { target }));
  }
  steps.push(ok('split-tunnel', splitSays(input.split)));
  return input.split.path === 'direct' ? walkDirect(input, steps) : walkTunnel(input, steps);
}

function walkDirect(input: WhyInput, steps: Step[]): Verdict {
  const target = targetOf(input);
  const { route, device } = input;
  if (route === null) return { reachable: 'unknown', summary: problem('sum-direct', { target }) };
  if (route.kind === 'refused') return unroutable(route.reason, target, steps);
  if (route.interface === device.name) {
    steps.push(stop('route', problem('why-route-into-tunnel', { interface: device.name })));
    return { reachable: 'no', summary: problem('sum-route-differs', { target }) };
  }
  steps.push(ok('route', directSays(route)));
  return { reachable: 'unknown', summary: problem('sum-direct', { target }) };
}

function walkTunnel(input: WhyInput, steps: Step[]): Verdict {
  const target = targetOf(input);
  const { route, device, tunnel } = input;
  if (tunnel === 'off') {
    steps.push(stop('route', problem('why-tunnel-off')));
    return no(problem('sum-off', { target }));
  }
  if (tunnel === 'connecting') {
    steps.push(unknown('route', routeSays(route, device)));
    return silentGateway(input, steps);
  }
  if (route?.kind === 'refused') return unroutable(route.reason, target, steps);
  if (route && route.interface !== device.name) {
    steps.push(stop('route', problem('why-route-elsewhere', { interface: route.interface })));
    return no(problem('sum-route-differs', { target }));
  }
  steps.push(ok('route', routeSays(route, device)));
  return walkGateway(input, steps);
}

function unroutable(reason: string, target: string, steps: Step[]): Verdict {
  steps.push(stop('route', problem('why-route-refused', { reason })));
  return no(problem('sum-unroutable', { target }));
}

function walkGateway(input: WhyInput, steps: Step[]): Verdict {
  const { gateway, explained } = input;
  if (gateway === null || gateway.lastHandshakeAt === null) return silentGateway(input, steps);
  const { name, lastHandshakeAt, rttMs } = gateway;
  const says = { gateway: name, handshakeAt: lastHandshakeAt };
  steps.push(
    ok(
      'gateway',
      rttMs === null
        ? problem('why-gateway', says)
        : problem('why-gateway-rtt', { ...says, rttMs: Math.max(1, rttMs) }),
    ),
  );
  if (explained?.kind === 'answer') return walkNetwork(input, explained.answer, steps);
  const reason = explained?.reason ?? '';
  steps.push(unknown('connector', problem('why-gateway-unasked', { gateway: name, reason })));
  return {
    reachable: 'unknown',
    summary: problem('sum-unsure', { target: targetOf(input), gateway: name }),
  };
}

function silentGateway(input: WhyInput, steps: Step[]): Verdict {
  const gateway = input.gateway?.name ?? '';
  steps.push(stop('gateway', problem('why-gateway-silent', { gateway })));
  return no(problem('sum-gateway-silent', { target: targetOf(input), gateway }));
}

function walkNetwork(input: WhyInput, answer: ExplainAnswer, steps: Step[]): Verdict {
  const target = targetOf(input);
  const { network, connector } = answer;
  if (network === null || answer.verdict === 'no-network') {
    steps.push(stop('connector', problem('why-network-none')));
    return no(problem('sum-no-network', { target }));
  }
  const { healthy = 0, total = 0 } = connector ?? {};
  if (answer.verdict === 'no-connector') {
    steps.push(
      stop('connector', problem('why-connector-none', { network: network.name, healthy, total })),
    );
    return no(problem('sum-no-connector', { target, network: network.name }));
  }
  const says = connector && problem('why-connector', { connector: connector.name, healthy, total });
  steps.push(says ? ok('connector', says) : unknown('connector', problem('why-target-unasked')));
  return walkRule(target, network.name, answer, steps);
}

function walkRule(target: string, network: string, answer: ExplainAnswer, steps: Step[]): Verdict {
  const { rule, verdict } = answer;
  const ask = answer.contact ? { contact: answer.contact } : null;
  if (rule === null) {
    steps.push(stop('rule', problem('why-rule-none')));
    return no(
      ask ? problem('sum-no-rule-contact', { target, ...ask }) : problem('sum-no-rule', { target }),
    );
  }
  const named = { number: rule.number, rule: rule.name };
  if (verdict === 'allowed') {
    steps.push(ok('rule', problem('why-rule-allows', named)));
    steps.push(unknown('target', problem('why-target-unknown')));
    return { reachable: 'yes', summary: problem('sum-open', { target, network }) };
  }
  steps.push(stop('rule', problem('why-rule-blocks', named)));
  const detail = { target, rule: rule.name };
  return no(
    ask ? problem('sum-blocked-contact', { ...detail, ...ask }) : problem('sum-blocked', detail),
  );
}

function splitSays({ because, entry, profile, path }: SplitAnswer): Problem {
  switch (because.kind) {
    case 'network': {
      const network = because.networks.map(({ name }) => name).join(', ');
      return problem('why-range', { cidr: entry, network });
    }
    case 'list':
      return problem(listCode(because.list), { profile, entry: because.entry });
    case 'domain':
      return problem(listCode(because.list), { profile, entry: because.domain });
    case 'local':
      return problem('why-local-wins', { cidr: entry });
    case 'default':
      return problem(path === 'tunnel' ? 'why-default-tunnel' : 'why-default-direct', { profile });
  }
}

function listCode(list: 'include' | 'exclude'): 'why-include' | 'why-exclude' {
  return list === 'include' ? 'why-include' : 'why-exclude';
}

function routeSays(route: KernelRoute | null, device: WhyInput['device']): Problem {
  if (route === null) return problem('why-target-unasked');
  if (route.kind === 'refused') return problem('why-route-refused', { reason: route.reason });
  return problem('why-route-tunnel', {
    interface: route.interface,
    table: route.table ?? device.table,
  });
}

function directSays(route: { interface: string; via: string | null }): Problem {
  if (route.via === null) return problem('why-route-direct', { interface: route.interface });
  return problem('why-route-via', { interface: route.interface, via: route.via });
}

function targetOf({ destination, port }: WhyInput): string {
  if (port === undefined) return destination;
  return destination.includes(':') ? `[${destination}]:${port}` : `${destination}:${port}`;
}

function ok(step: Name, says: Problem): Step {
  return { step, outcome: 'ok', says };
}

function stop(step: Name, says: Problem): Step {
  return { step, outcome: 'stop', says };
}

function unknown(step: Name, says: Problem): Step {
  return { step, outcome: 'unknown', says };
}

function no(summary: Problem): Verdict {
  return { reachable: 'no', summary };
}
