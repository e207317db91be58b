/** What this computer lacks or has already given to somebody else, asked before anything is changed. */
import type { HostNames } from '../../../contract/host-plan.ts';
import type { Problem } from '../../../contract/local-api.ts';
import { problem, problemOf } from '../../../contract/problem.ts';
import { firewallState } from './firewall.ts';
import type { LinuxHost } from './host.ts';
import { foreignRoutes } from './routes.ts';
import { readRules, ruleState } from './rules.ts';

/** Most important first: what comes first makes asking for the rest pointless. */
export async function probeHost(host: LinuxHost, names: HostNames): Promise<Problem[]> {
  if (!host.isRoot()) return [problem('not-root', { program: 'culvertd' })];
  const missing = [
    ...(host.has('ip') ? [] : [problem('program-missing', { program: 'ip', package: 'iproute2' })]),
    ...(host.has('nft')
      ? []
      : [problem('program-missing', { program: 'nft', package: 'nftables' })]),
    ...(host.hasTun() ? [] : [problem('tun-missing')]),
  ];
  if (missing.length > 0) return missing;
  try {
    return await findTaken(host, names);
  } catch (cause) {
    return [problemOf(cause)];
  }
}

async function findTaken(host: LinuxHost, names: HostNames): Promise<Problem[]> {
  const routes = await foreignRoutes(host, names);
  const rules = (await Promise.all([readRules(host, 4), readRules(host, 6)])).map((listed) =>
    ruleState(listed, names),
  );
  const firewall = await firewallState(host, names.firewallTable);
  return [
    ...(routes > 0 ? [problem('table-taken', { table: names.table })] : []),
    ...(rules.some((state) => state === 'foreign' || state === 'shared')
      ? [problem('priority-taken', { priority: names.priority })]
      : []),
    ...(firewall === 'foreign' ? [problem('firewall-taken', { table: names.firewallTable })] : []),
  ];
}
