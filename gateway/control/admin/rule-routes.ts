/** Rules: who may reach what. Their order decides, so it is part of what is saved. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Rule, RuleInput } from '../../contract/admin-api.ts';
import { said } from '../../contract/said.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import { Refusal } from '../http/fault.ts';
import type { Tx } from '../store/database.ts';
import { newId } from '../store/identifier.ts';
import { type AdminParts, whoOf } from './admin-parts.ts';
import { numberRules, readRules, ruleColumns } from './rule-rows.ts';

const ById = z.object({ id: z.string().max(64) });
const Order = z.object({ ids: z.array(z.string().max(64)).max(10_000) });
/** A rule may list ten thousand ranges. */
const BODY_BYTES = 1024 * 1024;

export function registerRules(app: FastifyInstance, parts: AdminParts): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const root = `${ADMIN_ROOT}/rules`;
  const one = { response: { 200: Rule } };
  const all = { response: { 200: z.array(Rule) } };

  typed.get(root, { schema: all }, () => rulesOf(parts));
  typed.post(root, { bodyLimit: BODY_BYTES, schema: { ...one, body: RuleInput } }, (request) =>
    createRule(parts, request, request.body),
  );
  typed.patch(
    `${root}/:id`,
    { bodyLimit: BODY_BYTES, schema: { ...one, params: ById, body: RuleInput.partial() } },
    (request) => editRule(parts, request, request.params.id, request.body),
  );
  typed.delete(
    `${root}/:id`,
    { schema: { params: ById, response: { 204: z.null() } } },
    async (request, reply) => {
      await deleteRule(parts, request, request.params.id);
      return reply.status(204).send(null);
    },
  );
  typed.post(
    `${root}/order`,
    { bodyLimit: BODY_BYTES, schema: { ...all, body: Order } },
    async (request) => {
      await orderRules(parts, request, request.body.ids);
      return rulesOf(parts);
    },
  );
}

async function rulesOf({ live }: AdminParts): Promise<Rule[]> {
  const { state } = await live.board();
  return [...state.rules];
}

/** At the end: a new rule never gets ahead of one that is there. */
async function createRule(
  parts: AdminParts,
  request: FastifyRequest,
  input: RuleInput,
): Promise<Rule> {
  const id = newId('rule');
  return parts.store.change(intentOf(parts, request, 'rule created'), async (tx, note) => {
    await assertSensible(tx, input);
    const number = (await readRules(tx)).length + 1;
    await tx
      .insertInto('rules')
      .values({ id, number, ...ruleColumns(input) })
      .execute();
    note({ after: { id, ...input } });
    return ruleIn(tx, id);
  });
}

async function editRule(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
  edit: { [K in keyof RuleInput]?: RuleInput[K] | undefined },
): Promise<Rule> {
  return parts.store.change(intentOf(parts, request, 'rule changed'), async (tx, note) => {
    const before = await ruleIn(tx, id);
    const after = RuleInput.parse({ ...before, ...withoutUndefined(edit) });
    await assertSensible(tx, after);
    await tx.updateTable('rules').set(ruleColumns(after)).where('id', '=', id).execute();
    note({ before, after });
    return ruleIn(tx, id);
  });
}

async function deleteRule(parts: AdminParts, request: FastifyRequest, id: string): Promise<void> {
  await parts.store.change(intentOf(parts, request, 'rule deleted'), async (tx, note) => {
    note({ before: await ruleIn(tx, id) });
    await tx.deleteFrom('rules').where('id', '=', id).execute();
    await numberRules(
      tx,
      (await readRules(tx)).map((rule) => rule.id),
    );
  });
}

async function orderRules(
  parts: AdminParts,
  request: FastifyRequest,
  ids: string[],
): Promise<void> {
  await parts.store.change(intentOf(parts, request, 'rules reordered'), async (tx, note) => {
    const before = (await readRules(tx)).map((rule) => rule.id);
    const isSame = ids.length === before.length && new Set([...ids, ...before]).size === ids.length;
    if (!isSame) {
      throw Refusal.saying(409, said('rules-changed'));
    }
    await numberRules(tx, ids);
    note({ before, after: ids });
  });
}

async function assertSensible(tx: Tx, rule: RuleInput): Promise<void> {
  if (rule.ports.length > 0 && rule.protocol !== 'tcp' && rule.protocol !== 'udp') {
    throw Refusal.saying(400, said('ports-need-protocol'), 'ports');
  }
  const known = new Set(
    (await tx.selectFrom('networks').select('id').execute()).map(({ id }) => id),
  );
  const missing = rule.networkIds.find((id) => !known.has(id));
  if (missing) throw Refusal.saying(409, said('rule-network-gone'), 'networkIds');
}

async function ruleIn(tx: Tx, id: string): Promise<Rule> {
  const rule = (await readRules(tx)).find((one) => one.id === id);
  if (!rule) throw Refusal.saying(404, said('rule-unknown'));
  return rule;
}

function intentOf(parts: AdminParts, request: FastifyRequest, what: string) {
  return { who: whoOf(parts, request), what, topics: ['rules' as const, 'networks' as const] };
}

function withoutUndefined(edit: object): object {
  return Object.fromEntries(Object.entries(edit).filter(([, value]) => value !== undefined));
}
