/** Why no connection came about, in words: to most people `ECONNREFUSED` says nothing. */

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens at that port',
  ECONNRESET: 'the connection broke off',
  EPIPE: 'the connection broke off',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'no resolver answers for its name',
  ETIMEDOUT: 'nothing answers at that address',
  EHOSTUNREACH: 'nothing answers at that address',
  ENETUNREACH: 'this machine has no way to that address',
  EACCES: 'a firewall forbids it',
  EPERM: 'a firewall forbids it',
};

/** Where a name has several addresses, Node's own error has no message at all. */
export function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return WORDS[code] ?? (error.message.replace(/\.$/, '') || code || error.name);
}
