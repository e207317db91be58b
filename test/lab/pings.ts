/** Pings that are counted one by one. */
import type { RunOptions } from './command.ts';
import type { Host } from './host.ts';

/** How long after the last ping that counts others are sent. */
const PATIENCE_SECONDS = 1;

/**
 * Which of so many pings did not come back, by number from 1. A few more are sent behind them: once anything was answered,
 * `ping` waits for the last ones no longer than for two round trips, which a busy machine may take.
 */
export async function lostPings(
  from: Host,
  to: string,
  count: number,
  intervalSeconds: number,
  options: RunOptions = {},
): Promise<number[]> {
  const sent = count + Math.ceil(PATIENCE_SECONDS / intervalSeconds);
  const said = await from.try(
    ['ping', '-n', '-c', `${sent}`, '-i', `${intervalSeconds}`, '-W', '8', to],
    { timeoutMs: sent * intervalSeconds * 1000 * 2 + 60_000, ...options },
  );
  const answered = new Set(
    Array.from(said.stdout.matchAll(/bytes from .*icmp_seq=(\d+)/g), ([, n]) => Number(n)),
  );
  return Array.from({ length: count }, (_, index) => index + 1).filter((n) => !answered.has(n));
}
