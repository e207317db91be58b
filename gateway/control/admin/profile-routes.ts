/** Profiles: what their split tunnel is, and what another one would do. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Profile, ProfileInput, SplitPreview } from '../../contract/admin-api.ts';
import { said } from '../../contract/said.ts';
import type { SplitEntry, SplitTunnel } from '../../contract/snapshot.ts';
import { ADMIN_ROOT } from '../http/admin-access.ts';
import { Refusal } from '../http/fault.ts';
import { type PolicyNetwork, profileOf } from '../policy/policy-state.ts';
import { subjectsOf } from '../policy/rules.ts';
import { canonicalSplit, refuseSplit } from '../policy/split-lists.ts';
import { previewSplit } from '../policy/split-preview.ts';
import type { Board } from '../push/board.ts';
import { rememberSplit } from '../push/read-policy.ts';
import { inSlices } from '../push/slices.ts';
import { writeJson } from '../store/json-column.ts';
import { type AdminParts, whoOf } from './admin-parts.ts';
import { profileAnswers } from './answers.ts';

const ById = z.object({ id: z.string().max(64) });
/** Two lists of ten thousand entries with notes. */
const BODY_BYTES = 8 * 1024 * 1024;

export function registerProfiles(app: FastifyInstance, parts: AdminParts): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  const root = `${ADMIN_ROOT}/profiles`;
  const body = { params: ById, body: ProfileInput };

  typed.get(root, { schema: { response: { 200: z.array(Profile) } } }, async () =>
    profileAnswers((await parts.live.board()).state),
  );
  typed.patch(
    `${root}/:id`,
    { bodyLimit: BODY_BYTES, schema: { ...body, response: { 200: Profile } } },
    async (request) => {
      await saveSplit(parts, request, request.params.id, request.body.splitTunnel);
      const { state } = await parts.live.board();
      return findProfile(profileAnswers(state), request.params.id);
    },
  );
  typed.post(
    `${root}/:id/preview`,
    { bodyLimit: BODY_BYTES, schema: { ...body, response: { 200: SplitPreview } } },
    async (request) => {
      const board = await parts.live.board();
      return preview(board, request.params.id, canonicalSplit(request.body.splitTunnel));
    },
  );
}

function preview(board: Board, id: string, after: SplitTunnel): Promise<SplitPreview> {
  const { splitTunnel: before, deviceCount } = findProfile(profileAnswers(board.state), id);
  const networks = networksOfProfile(board, id);
  return inSlices(previewSplit({ before, after, networks, deviceCount }));
}

/** Networks that some device of the profile reaches; all of them while it has no device yet. */
function networksOfProfile({ state, reach }: Board, id: string): PolicyNetwork[] {
  const devices = state.devices.filter((device) => profileOf(state, device)?.id === id);
  if (devices.length === 0) return [...state.networks];
  const keys = new Set(devices.map((device) => reach.keyOf(subjectsOf(device, state))));
  const reached = new Set([...keys].flatMap((key) => reach.networksOf(key)));
  return state.networks.filter((network) => reached.has(network));
}

async function saveSplit(
  parts: AdminParts,
  request: FastifyRequest,
  id: string,
  wanted: SplitTunnel,
): Promise<void> {
  const refusal = refuseSplit(wanted);
  if (refusal) throw Refusal.saying(409, refusal, 'splitTunnel');
  const canonical = canonicalSplit(wanted);
  const splitTunnel = writeJson(canonical);
  rememberSplit(splitTunnel, canonical);
  // Reading the lists and storing them each take a while with ten thousand entries.
  await nextTurn();
  const intent = {
    who: whoOf(parts, request),
    what: 'split tunnel changed',
    topics: ['profiles' as const],
  };
  await parts.store.change(intent, async (tx, note) => {
    const before = await tx
      .selectFrom('profiles')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    if (!before) throw unknownProfile();
    await tx.updateTable('profiles').set({ splitTunnel }).where('id', '=', id).execute();
    note(splitDifference(before, JSON.parse(before.splitTunnel), JSON.parse(splitTunnel)));
  });
}

/** What went and what came, not twice two lists of ten thousand: the log is read whole by people who look for one line. */
function splitDifference(
  { id, name: profile }: { id: string; name: string },
  before: SplitTunnel,
  after: SplitTunnel,
): { before: object; after: object } {
  const only = (left: SplitTunnel, right: SplitTunnel) => ({
    id,
    profile,
    defaultPath: left.defaultPath,
    include: without(left.include, right.include),
    exclude: without(left.exclude, right.exclude),
  });
  return { before: only(before, after), after: only(after, before) };
}

function without(entries: readonly SplitEntry[], others: readonly SplitEntry[]): SplitEntry[] {
  const known = new Set(others.map((entry) => JSON.stringify(entry)));
  return entries.filter((entry) => !known.has(JSON.stringify(entry)));
}

function findProfile(profiles: readonly Profile[], id: string): Profile {
  const profile = profiles.find((one) => one.id === id);
  if (!profile) throw unknownProfile();
  return profile;
}

function unknownProfile(): Refusal {
  return Refusal.saying(404, said('profile-unknown'));
}
