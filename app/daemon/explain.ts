/** `culvert why` and `culvert routes`: asks the plan, the kernel and the gateway, and hands the answers to why/. */
import { lookup } from 'node:dns/promises';
import type { z } from 'zod';
import { decide } from '../../gateway/contract/decide/decide.ts';
import { type Reason, splitPolicy } from '../../gateway/contract/decide/policy.ts';
import type { ExplainAnswer, ExplainRequest } from '../../gateway/contract/device-api.ts';
import { type Address, parseAddress, printAddress } from '../../gateway/contract/net/address.ts';
import { cidr, containsAddress, printCidr } from '../../gateway/contract/net/prefix.ts';
import type { DeviceConfig } from '../../gateway/contract/snapshot.ts';
import type { HostNames, HostPlan, PlannedRoute } from '../contract/host-plan.ts';
import type { Problem, RoutesAnswer, WhyAnswer, WhyRequest } from '../contract/local-api.ts';
import { problem, problemOf } from '../contract/problem.ts';
import { say } from '../contract/sentences/say.ts';
import type { RouteAnswer } from './network/host-network.ts';
import { wayOf } from './status.ts';
import type { Path, TunnelState } from './tunnel/tunnel-state.ts';
import { assembleWhy, type Explained, type SplitAnswer, type WhyInput } from './why/why.ts';

export interface ExplainParts {
  names: HostNames;
  config: () => DeviceConfig | null;
  plan: () => HostPlan | null;
  tunnel: () => TunnelState;
  path: () => Path | null;
  routeTo: (address: string) => Promise<RouteAnswer>;
  askGateway: (request: ExplainRequest) => Promise<ExplainAnswer>;
}

export async function answerWhy(
  request: z.infer<typeof WhyRequest>,
  parts: ExplainParts,
): Promise<WhyAnswer> {
  const address = await addressOf(request.destination);
  const config = parts.config();
  const split = address && config ? splitAnswer(address, config, parts.plan()) : null;
  const text = address && printAddress(address);
  const tunnel = tunnelOf(parts.tunnel());
  const isAsked = text !== null && split?.path === 'tunnel' && tunnel === 'on';
  const [route, explained] = await Promise.all([
    text === null ? null : parts.routeTo(text),
    isAsked ? ask(text, request, parts) : null,
  ]);
  const device = { name: parts.names.device, table: parts.names.table };
  const gateway = gatewayOf(parts, config);
  const { destination, port } = request;
  const input: WhyInput = {
    destination,
    port,
    address: text,
    split,
    tunnel,
    device,
    route,
    gateway,
    explained,
  };
  return assembleWhy(input);
}

export function answerRoutes(config: DeviceConfig | null, plan: HostPlan | null): RoutesAnswer {
  if (config === null || plan === null) return { defaultPath: 'direct', routes: [] };
  const profile = config.profile.name;
  const routes = plan.routes.map(({ cidr: prefix, path, because }) => ({
    cidr: prefix,
    path,
    because: becauseOf(because, profile),
  }));
  return { defaultPath: config.profile.splitTunnel.defaultPath, routes };
}

async function addressOf(destination: string): Promise<Address | null> {
  const bare = destination.replace(/^\[|\]$/g, '');
  const parsed = parseAddress(bare);
  if (parsed) return parsed;
  try {
    return parseAddress((await lookup(bare)).address) ?? null;
  } catch {
    return null;
  }
}

/** What the user chose for a local network stands above the lists, as it does in the plan. */
function splitAnswer(address: Address, config: DeviceConfig, plan: HostPlan | null): SplitAnswer {
  const profile = config.profile.name;
  const local = plan?.overlaps.find(
    ({ using, connected }) => using === 'local' && containsAddress(cidr(connected), address),
  );
  if (local) {
    const because = { kind: 'local', interface: local.interface } as const;
    return { path: 'direct', because, entry: local.connected, profile };
  }
  const { splitTunnel } = config.profile;
  const { path, because } = decide(
    address,
    splitPolicy({ splitTunnel, networks: config.networks }),
  );
  return { path, because, entry: entryOf(because), profile };
}

function entryOf(because: Reason): string {
  return because.kind === 'default' ? '' : printCidr(because.prefix);
}

async function ask(
  destination: string,
  request: z.infer<typeof WhyRequest>,
  parts: ExplainParts,
): Promise<Explained> {
  const { port } = request;
  const protocol = request.protocol ?? (port === undefined ? 'icmp' : 'tcp');
  try {
    const answer = await parts.askGateway({
      destination,
      protocol,
      ...(port === undefined ? {} : { port }),
    });
    return { kind: 'answer', answer };
  } catch (cause) {
    const problem = problemOf(cause);
    // What the gateway or the network said is enough; who could not be asked is in the sentence around it.
    const reason = String(problem.detail.reason ?? say(problem));
    return { kind: 'unasked', reason: reason.replace(/\.$/, '') };
  }
}

function tunnelOf(state: TunnelState): WhyInput['tunnel'] {
  if (state.kind === 'on') return 'on';
  return state.kind === 'off' || state.kind === 'stopping' ? 'off' : 'connecting';
}

function gatewayOf(parts: ExplainParts, config: DeviceConfig | null): WhyInput['gateway'] {
  const name = wayOf(parts.tunnel())?.gatewayName ?? config?.gateways[0]?.name;
  if (name === undefined) return null;
  const path = parts.path();
  return { name, lastHandshakeAt: path?.lastHandshakeAt ?? null, rttMs: path?.rttMs ?? null };
}

function becauseOf(because: PlannedRoute['because'], profile: string): Problem {
  switch (because.kind) {
    case 'network':
      return problem('because-network', {
        network: because.networks.map(({ name }) => name).join(', '),
      });
    case 'list':
    case 'domain':
      return problem(because.list === 'include' ? 'because-include' : 'because-exclude', {
        profile,
      });
    case 'local':
      return problem('because-local');
    case 'default':
      return problem('because-default', { profile });
  }
}
