/**
 * The rule that sends every look-up to our table before `main`, so that no route in `main`, from DHCP or from a router's
 * advertisement, however specific, takes a private address elsewhere. Only the engine's own marked packets pass by it.
 */
import type { HostNames } from '../../../contract/host-plan.ts';
import { Fault } from '../../../contract/problem.ts';
import { hex } from './hexadecimal.ts';
import type { LinuxHost } from './host.ts';
import { firstLine, ROUTE_PROTOCOL } from './routes.ts';

export type Family = 4 | 6;
export type RuleNames = Pick<HostNames, 'priority' | 'table' | 'mark' | 'markMask'>;

export function ruleArguments(family: Family, action: 'add' | 'del', names: RuleNames): string[] {
  const selector = ['not', 'fwmark', `${hex(names.mark)}/${hex(names.markMask)}`];
  const target = ['lookup', `${names.table}`, 'priority', `${names.priority}`];
  return [`-${family}`, 'rule', action, ...selector, ...target, 'protocol', `${ROUTE_PROTOCOL}`];
}

/** `shared`: ours, and another program's at the same priority; the one that was there first comes first. */
export type RuleState = 'ours' | 'absent' | 'foreign' | 'shared';

interface RuleJson {
  priority: number;
  not?: null;
  fwmark?: string;
  fwmask?: string;
  table?: string;
}

/** What stands at our priority. */
export async function ruleState(
  host: LinuxHost,
  family: Family,
  names: RuleNames,
): Promise<RuleState> {
  const { status, stdout, stderr } = await host.run('ip', ['-j', `-${family}`, 'rule', 'show']);
  if (status !== 0) throw new Fault('network-refused', { reason: `ip rule: ${firstLine(stderr)}` });
  const rules = (JSON.parse(stdout || '[]') as RuleJson[]).filter(
    ({ priority }) => priority === names.priority,
  );
  if (rules.length === 0) return 'absent';
  const own = rules.filter((rule) => isOurs(rule, names)).length;
  if (own === 0) return 'foreign';
  return own === rules.length ? 'ours' : 'shared';
}

/** Whether ours is there, with or without company. */
export function isInPlace(state: RuleState): boolean {
  return state === 'ours' || state === 'shared';
}

export async function addRule(host: LinuxHost, family: Family, names: RuleNames): Promise<void> {
  if ((await ruleState(host, family, names)) !== 'absent') return;
  await changeRule(host, family, 'add', names);
}

/** Answers whether there was one. */
export async function removeRule(
  host: LinuxHost,
  family: Family,
  names: RuleNames,
): Promise<boolean> {
  if (!isInPlace(await ruleState(host, family, names))) return false;
  await changeRule(host, family, 'del', names);
  return true;
}

async function changeRule(
  host: LinuxHost,
  family: Family,
  action: 'add' | 'del',
  names: RuleNames,
): Promise<void> {
  const { status, stderr } = await host.run('ip', ruleArguments(family, action, names));
  if (status !== 0) {
    throw new Fault('network-refused', { reason: `ip rule ${action}: ${firstLine(stderr)}` });
  }
}

function isOurs(rule: RuleJson, names: RuleNames): boolean {
  return (
    'not' in rule &&
    rule.fwmark === hex(names.mark) &&
    rule.fwmask === hex(names.markMask) &&
    rule.table === `${names.table}`
  );
}
