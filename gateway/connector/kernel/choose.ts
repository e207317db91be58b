/** Who forwards: this host's kernel, where the operator allows it and the host has what it takes, else the engine itself. */
import { z } from 'zod';
import type { KernelHost, Program } from './host.ts';
import { INTERFACE, TABLE } from './plan.ts';

export const Forwarding = z.discriminatedUnion('by', [
  z.object({ by: z.literal('kernel') }),
  z.object({ by: z.literal('user-space'), why: z.string() }),
]);
export type Forwarding = z.infer<typeof Forwarding>;

const CAP_NET_ADMIN = 1n << 12n;
const PACKAGES: Record<Program, string> = { ip: 'iproute2', nft: 'nftables' };

export async function chooseForwarding(
  isAllowed: boolean,
  isOurInterface: boolean,
  host: KernelHost,
): Promise<Forwarding> {
  if (!isAllowed) return userSpace('the kernel is not allowed to (--allow-kernel allows it)');
  const lacking = whatIsLacking(isOurInterface, host);
  if (lacking) return userSpace(lacking);
  try {
    const other = closedFirewall(await host.run('nft', ['-j', 'list', 'chains']));
    if (other === undefined) return { by: 'kernel' };
    return userSpace(
      `the firewall table ${other} drops forwarded packets that it does not know: let it accept those from and to the interface ${INTERFACE}`,
    );
  } catch (error) {
    return userSpace((error as Error).message);
  }
}

function whatIsLacking(isOurInterface: boolean, host: KernelHost): string | undefined {
  if (!hasNetworkRights(host)) return 'this process has no CAP_NET_ADMIN';
  if (!host.canOpen('/dev/net/tun')) return '/dev/net/tun is not there or not for this user';
  const missing = (['ip', 'nft'] as const).find((program) => !host.has(program));
  if (missing) return `the program ${missing} is missing (package ${PACKAGES[missing]})`;
  if (!isOurInterface && host.list('/sys/class/net').includes(INTERFACE))
    return `another connector on this machine has the interface ${INTERFACE}`;
  return undefined;
}

function hasNetworkRights(host: KernelHost): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(host.read('/proc/self/status') ?? '')?.[1];
  return (BigInt(`0x${effective ?? '0'}`) & CAP_NET_ADMIN) !== 0n;
}

interface NftChains {
  nftables: { chain?: { family: string; table: string; hook?: string; policy?: string } }[];
}

/** A packet has to pass every table's chain: to accept it in ours does not help. */
export function closedFirewall(json: string): string | undefined {
  const { nftables } = JSON.parse(json) as NftChains;
  const closed = nftables.find(
    ({ chain }) =>
      chain?.hook === 'forward' &&
      chain.policy === 'drop' &&
      chain.table !== TABLE &&
      ['ip', 'inet'].includes(chain.family),
  )?.chain;
  return closed && `${closed.family} ${closed.table}`;
}

function userSpace(why: string): Forwarding {
  return { by: 'user-space', why };
}
