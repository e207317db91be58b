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

/** For `ip -batch -` of that family. */
export function renderRule(family: Family, names: RuleNames): string {
  return `${ruleArguments(family, 'add', names).slice(1).join(' ')}\n`;
}

export function ruleArguments(family: Family, action: 'add' | 'del', names: RuleNames): string[] {
  const selector = ['not', 'fwmark', `${hex(names.mark)}/${hex(names.markMask)}`];
  const target = ['lookup', `${names.table}`, 'priority', `${names.priority}`];
  return [`-${family}`, 'rule', action, ...selector, ...target, 'protocol', `${ROUTE_PROTOCOL}`];
}

/** `shared`: ours, and another program's at the same priority; the one that was there first comes first. */
export type RuleState = 'ours' | 'absent' | 'foreign' | 'shared';

export interface RuleJson {
  priority: number;
  not?: null;
  fwmark?: string;
  fwmask?: string;
  table?: string;
}

export async function readRules(host: LinuxHost, family: Family): Promise<RuleJson[]> {
  const { status, stdout, stderr } = await host.run('ip', ['-j', `-${family}`, 'rule', 'show']);
  if (status !== 0) throw new Fault('network-refused', { reason: `ip rule: ${firstLine(stderr)}` });
  return JSON.parse(stdout || '[]') as RuleJson[];
}

/** What stands at our priority. */
export function ruleState(listed: readonly RuleJson[], names: RuleNames): RuleState {
  const rules = listed.filter(({ priority }) => priority === names.priority);
  if (rules.length === 0) return 'absent';
  const own = rules.filter((rule) => isOurs(rule, names)).length;
  if (own === 0) return 'foreign';
  return own === rules.length ? 'ours' : 'shared';
}

/** Whether ours is there, with or without company. */
export function isInPlace(state: RuleState): boolean {
  return state === 'ours' || state === 'shared';
}

/** Answers whether there was one. */
export async function removeRule(
  host: LinuxHost,
  family: Family,
  names: RuleNames,
): Promise<boolean> {
  if (!isInPlace(ruleState(await readRules(host, family), names))) return false;
  const { status, stderr } = await host.run('ip', ruleArguments(family, 'del', names));
  if (status !== 0)
    throw new Fault('network-refused', { reason: `ip rule del: ${firstLine(stderr)}` });
  return true;
}

function isOurs(rule: RuleJson, names: RuleNames): boolean {
  return (
    'not' in rule &&
    rule.fwmark === hex(names.mark) &&
    rule.fwmask === hex(names.markMask) &&
    rule.table === `${names.table}`
  );
}
