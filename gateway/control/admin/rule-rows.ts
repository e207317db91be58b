/** Rules as rows. */
import type { Rule, RuleInput } from '../../contract/admin-api.ts';
import { cidr, printCidr } from '../../contract/net/prefix.ts';
import { ruleOf } from '../push/read-policy.ts';
import type { RuleTable, Tx } from '../store/database.ts';
import { writeJson } from '../store/json-column.ts';

export function ruleColumns(rule: RuleInput): Omit<RuleTable, 'id' | 'number'> {
  return {
    name: rule.name,
    action: rule.action,
    subjects: writeJson(rule.subjects),
    networkIds: writeJson(rule.networkIds),
    ranges: writeJson(rule.ranges.map((text) => printCidr(cidr(text)))),
    protocol: rule.protocol,
    ports: writeJson(rule.ports),
    enabled: rule.enabled ? 1 : 0,
  };
}

export async function readRules(tx: Tx): Promise<Rule[]> {
  const rows = await tx.selectFrom('rules').selectAll().orderBy('number').orderBy('id').execute();
  return rows.map(ruleOf);
}

/** Numbers from 1 in this order. */
export async function numberRules(tx: Tx, ids: readonly string[]): Promise<void> {
  for (const [at, id] of ids.entries()) {
    await tx
      .updateTable('rules')
      .set({ number: at + 1 })
      .where('id', '=', id)
      .execute();
  }
}

/** Names of the rules that went with the network, for they named nothing else. */
export async function forgetNetwork(tx: Tx, networkId: string): Promise<string[]> {
  const concerned = (await readRules(tx)).filter((rule) => rule.networkIds.includes(networkId));
  const gone: string[] = [];
  for (const rule of concerned) {
    const networkIds = rule.networkIds.filter((id) => id !== networkId);
    if (networkIds.length === 0) gone.push(rule.name);
    if (networkIds.length === 0) await tx.deleteFrom('rules').where('id', '=', rule.id).execute();
    else
      await tx
        .updateTable('rules')
        .set({ networkIds: writeJson(networkIds) })
        .where('id', '=', rule.id)
        .execute();
  }
  await numberRules(
    tx,
    (await readRules(tx)).map(({ id }) => id),
  );
  return gone;
}
