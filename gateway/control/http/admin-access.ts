/**
 * Who may call what below /v1/admin: one table, and whatever is not in it stops the start (T34).
 *
 * A member may sign in to the dashboard, so that it can say whom to ask, and sees nothing else.
 */
import type { Role } from '../store/database.ts';

const EVERYBODY: readonly Role[] = ['owner', 'admin', 'member'];
const ADMINISTRATORS: readonly Role[] = ['owner', 'admin'];
const OWNERS: readonly Role[] = ['owner'];

export const ADMIN_ROOT = '/v1/admin';

export const ADMIN_ACCESS: Readonly<Record<string, readonly Role[]>> = {
  'GET session': EVERYBODY,
  'POST session/end': EVERYBODY,
  'GET overview': ADMINISTRATORS,
  'GET events': ADMINISTRATORS,
  'GET networks': ADMINISTRATORS,
  'POST networks': ADMINISTRATORS,
  'GET networks/:id': ADMINISTRATORS,
  'PATCH networks/:id': ADMINISTRATORS,
  'DELETE networks/:id': ADMINISTRATORS,
  'POST networks/:id/ranges': ADMINISTRATORS,
  'DELETE networks/:id/ranges': ADMINISTRATORS,
  'POST networks/:id/removal': ADMINISTRATORS,
  'POST networks/:id/connector-token': ADMINISTRATORS,
  'DELETE connectors/:id': ADMINISTRATORS,
  'GET rules': ADMINISTRATORS,
  'POST rules': ADMINISTRATORS,
  'PATCH rules/:id': ADMINISTRATORS,
  'DELETE rules/:id': ADMINISTRATORS,
  'POST rules/order': ADMINISTRATORS,
  'GET devices': ADMINISTRATORS,
  'DELETE devices/:id': ADMINISTRATORS,
  'GET people': ADMINISTRATORS,
  // Else an administrator could make themselves an owner.
  'PATCH people/:id': OWNERS,
  'GET groups': ADMINISTRATORS,
  'GET profiles': ADMINISTRATORS,
  'PATCH profiles/:id': ADMINISTRATORS,
  'POST profiles/:id/preview': ADMINISTRATORS,
  'GET audit': ADMINISTRATORS,
};

/** Undefined for a route that the table does not know. `url` is the route's pattern, not the request's path. */
export function rolesFor(method: string, url: string): readonly Role[] | undefined {
  // Fastify answers HEAD by itself wherever it answers GET.
  const verb = method === 'HEAD' ? 'GET' : method;
  return ADMIN_ACCESS[`${verb} ${url.slice(ADMIN_ROOT.length + 1)}`];
}
