/** Forgets what is over: logins, sessions, tokens and the ids of proofs that are too old to be replayed. */
import type { Store } from './store.ts';

const EVERY_MS = 10 * 60_000;

export function startHousekeeping(store: Store, onError: (error: unknown) => void): () => void {
  const timer = setInterval(() => void forgetExpired(store).catch(onError), EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

export async function forgetExpired(store: Store): Promise<void> {
  const now = store.clock();
  for (const table of ['oauthPayloads', 'browserSessions', 'signIns', 'usedProofs'] as const) {
    await store.db.deleteFrom(table).where('expiresAt', '<=', now).execute();
  }
}
