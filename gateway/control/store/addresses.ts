/** Gives devices and connectors their place in the overlay. */
import { Refusal } from '../http/fault.ts';
import type { PeerKind, PeerTable, Tx } from './database.ts';

/** Host 1 is the gateway itself, host 0 the network. */
const FIRST_HOST = 2;

export type NewPeer = Pick<
  PeerTable,
  'id' | 'wireguardKey' | 'identityKey' | 'identityThumbprint'
> & {
  kind: PeerKind;
};

/** Stores the peer with the lowest address after the highest one in use, so that a freed one rests before its next owner. */
export async function addPeer(tx: Tx, peer: NewPeer): Promise<PeerTable> {
  const { overlayIpv4, overlayIpv6 } = await tx
    .selectFrom('organisations')
    .select(['overlayIpv4', 'overlayIpv6'])
    .executeTakeFirstOrThrow();
  const host = await freeHost(tx, hostsIn(overlayIpv4));
  const row = { ...peer, host, ipv4: ipv4Of(overlayIpv4, host), ipv6: ipv6Of(overlayIpv6, host) };
  await tx.insertInto('peers').values(row).execute();
  return row;
}

async function freeHost(tx: Tx, hosts: number): Promise<number> {
  const highest = await tx
    .selectFrom('peers')
    .select((row) => row.fn.max('host').as('host'))
    .executeTakeFirstOrThrow();
  const next = Math.max(FIRST_HOST, Number(highest.host ?? 0) + 1);
  // The last address of the range is its broadcast address.
  if (next < hosts - 1) return next;
  const used = new Set(
    (await tx.selectFrom('peers').select('host').execute()).map((row) => row.host),
  );
  for (let host = FIRST_HOST; host < hosts - 1; host += 1) if (!used.has(host)) return host;
  throw new Refusal(
    503,
    'overlay-full',
    'The organisation has no overlay address left. Remove devices that are no longer used.',
  );
}

function hostsIn(cidr: string): number {
  return 2 ** (32 - Number(cidr.split('/')[1]));
}

export function ipv4Of(cidr: string, host: number): string {
  const base = (cidr.split('/')[0] ?? '')
    .split('.')
    .reduce((sum, part) => sum * 256 + Number(part), 0);
  const address = base + host;
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** `fd12:3456:789a::/48` and host 258 → `fd12:3456:789a::102`. */
export function ipv6Of(cidr: string, host: number): string {
  return `${(cidr.split('/')[0] ?? '').replace(/::$/, '')}::${host.toString(16)}`;
}
