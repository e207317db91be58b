/** What an administrator does in the dashboard, as calls. */
import type { Organisation } from '../gateway/organisation.ts';
import type { Visitor } from '../gateway/visitor.ts';

/** A network with one range that everybody may reach. */
export async function makeNetwork(
  organisation: Organisation,
  admin: Visitor,
  range: string,
): Promise<string> {
  const post = async (path: string, body: object): Promise<{ id: string }> => {
    const seen = await admin.call(`${organisation.url}/v1/admin/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'culvert-csrf': '1' },
      body: JSON.stringify(body),
    });
    if (seen.status >= 300) throw new Error(`${path}: ${seen.status} ${seen.text}`);
    return JSON.parse(seen.text) as { id: string };
  };
  const { id } = await post('networks', { name: 'tokyo-vpc' });
  await post(`networks/${id}/ranges`, { cidr: range });
  await post('rules', {
    name: 'Everybody to Tokyo',
    action: 'allow',
    subjects: [{ kind: 'everyone' }],
    networkIds: [id],
    ranges: [],
    protocol: 'any',
    ports: [],
    enabled: true,
  });
  return id;
}
