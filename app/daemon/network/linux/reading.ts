/** What of ours stands on this computer, and its links: read once for a whole change, by as few programs as can be. */
import type { HostNames } from '../../../contract/host-plan.ts';
import { Fault } from '../../../contract/problem.ts';
import { type Link, linksOf } from './device.ts';
import { type Firewall, readFirewall } from './firewall.ts';
import type { LinuxHost } from './host.ts';
import { firstLine, LIST_ROUTES, ourRoutes, type RouteJson, type TableRoute } from './routes.ts';
import { type Family, type RuleJson, type RuleState, readRules, ruleState } from './rules.ts';
import { together } from './together.ts';

export interface Reading {
  links: readonly Link[];
  firewall: Firewall | undefined;
  /** All of ours, those into the tunnel too. */
  routes: readonly TableRoute[];
  /** One for each family that this computer has. */
  rules: readonly { family: Family; state: RuleState }[];
}

export async function readHost(host: LinuxHost, names: HostNames): Promise<Reading> {
  const [firewall, listed, rules6] = await together([
    readFirewall(host, names.firewallTable),
    listMost(host),
    host.hasIpv6() ? readRules(host, 6) : undefined,
  ]);
  const [links = [], rules4 = [], routes = []] = listed;
  return {
    links: linksOf(links as Partial<Link>[]),
    firewall,
    routes: ourRoutes(routes as RouteJson[], names),
    rules: [
      { family: 4, state: ruleState(rules4 as RuleJson[], names) },
      ...(rules6 ? [{ family: 6 as const, state: ruleState(rules6, names) }] : []),
    ],
  };
}

/** Everything but the rules of IPv6, which `ip` lists only where all of it is about IPv6; an array of JSON a line. */
async function listMost(host: LinuxHost): Promise<unknown[][]> {
  const lists = `address show\nrule show\n${LIST_ROUTES}\n`;
  const { status, stdout, stderr } = await host.run('ip', ['-j', '-batch', '-'], lists);
  if (status !== 0) throw new Fault('network-refused', { reason: `ip: ${firstLine(stderr)}` });
  return stdout
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as unknown[]);
}
