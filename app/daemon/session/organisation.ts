/** Finds out whom a sign-in link leads to, and refuses everybody else (T41) before anything is sent. */
import { type JoinLink, parseJoinLink } from '../../../gateway/contract/trust.ts';
import { fetchTrust, type Trust, type TrustOutcome } from '../../../gateway/trust/statement.ts';
import { Fault } from '../../contract/problem.ts';
import type { Membership } from './membership.ts';

export interface Organisation {
  gateway: string;
  trust: Trust;
}

/** An empty link means the organisation that this device already knows. */
export async function findOrganisation(
  link: string,
  known: Membership | null,
): Promise<Organisation> {
  const { gateway, fingerprint } = pinnedLink(link, known);
  const outcome = await fetchTrust(gateway, fingerprint);
  if (outcome.kind === 'trusted') {
    assertSameOrganisation(
      outcome.trust.fingerprint,
      outcome.trust.statement.organisation.name,
      known,
    );
    return { gateway, trust: outcome.trust };
  }
  throw faultOf(outcome, gateway);
}

/** Once pinned, a fingerprint stays: an address typed later does not get another chance to name one. */
function pinnedLink(link: string, known: Membership | null): JoinLink {
  if (link.trim() === '') {
    if (known === null) throw new Fault('link-missing');
    return { gateway: known.gateway, fingerprint: known.fingerprint };
  }
  const parsed = parseJoinLink(link);
  if (!parsed.ok) throw new Fault('link-damaged', { link: link.trim().slice(0, 200) });
  const { gateway, fingerprint } = parsed.value;
  if (known === null) return parsed.value;
  if (fingerprint !== undefined) assertSameOrganisation(fingerprint, gateway, known);
  return {
    gateway,
    fingerprint: fingerprint ?? (gateway === known.gateway ? known.fingerprint : undefined),
  };
}

function assertSameOrganisation(
  fingerprint: string,
  offered: string,
  known: Membership | null,
): void {
  if (known !== null && fingerprint !== known.fingerprint) {
    throw new Fault('other-organisation', { known: known.organisation.name, offered });
  }
}

/** OpenSSL's words for “nobody I trust signed this”. */
const UNTRUSTED =
  /self-signed certificate|unable to (verify|get)|certificate has expired|does not match certificate/i;

export function faultOf(
  outcome: Exclude<TrustOutcome, { kind: 'trusted' }>,
  gateway: string,
): Fault {
  if (outcome.kind === 'unreachable') {
    if (UNTRUSTED.test(outcome.message)) return new Fault('gateway-certificate', { gateway });
    const reason = outcome.message.replace(`${gateway} cannot be reached: `, '').replace(/\.$/, '');
    return new Fault('gateway-unreachable', { gateway, reason });
  }
  switch (outcome.reason) {
    case 'other-organisation':
      return new Fault('organisation-key-differs', { gateway });
    case 'not-culvert':
      return new Fault('gateway-not-culvert', { gateway });
    case 'relayed':
      return new Fault('trust-refused', {
        gateway,
        reason: 'the TLS key that answers is not one of its own',
      });
    case 'expired':
      return new Fault('trust-refused', { gateway, reason: 'its signed statement has expired' });
    case 'damaged':
      return new Fault('trust-refused', {
        gateway,
        reason: 'its signed statement does not verify',
      });
  }
}
