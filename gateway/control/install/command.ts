/** The one line that an administrator copies. */
import type { Tls } from '../http/tls.ts';

/** Names the gateway's TLS key where no public authority vouches for it, so that the line cannot be answered by others. */
export function installCommand(
  publicUrl: string,
  tls: Pick<Tls, 'isSelfSigned' | 'pin'>,
  token: string,
): string {
  const trust = tls.isSelfSigned ? `-fsSk --pinnedpubkey 'sha256//${tls.pin}'` : '-fsS';
  return `curl ${trust} ${publicUrl}/install/connector.sh | sudo sh -s -- ${token}`;
}
