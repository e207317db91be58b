/**
 * Tells a lost path from a quiet one by counters alone. WireGuard answers each data packet within 10 s (a passive
 * keepalive) but never a keepalive, so sent bytes beyond keepalives with nothing back mean that nobody hears us.
 */
import type { Path, UptimeMs, Watch } from './tunnel-state.ts';

/** WireGuard itself waits 10 + 5 s before it tries a new handshake, and repeats it every 5 s; one repeat is allowed. */
const SILENCE_MS = 20_000;
/** Header, counter and tag of an empty data message. */
const KEEPALIVE_BYTES = 32;
/** The smallest message that carries a packet: an IP header, padded to 32, and the same overhead. */
const DATA_BYTES = 64;

export function firstWatch(path: Path, uptime: UptimeMs): Watch {
  return { rxBytes: path.rxBytes, txBytes: path.txBytes, at: uptime, unansweredSince: null };
}

export function watchPath(
  watch: Watch,
  path: Path,
  keepaliveSeconds: number,
  uptime: UptimeMs,
): Watch {
  // Fewer bytes than before: another peer or another engine counts from zero.
  if (path.rxBytes !== watch.rxBytes || path.txBytes < watch.txBytes)
    return firstWatch(path, uptime);
  if (watch.unansweredSince !== null) return watch;
  const keepalives =
    keepaliveSeconds === 0 ? 0 : Math.ceil((uptime - watch.at) / (keepaliveSeconds * 1000));
  const waiting = path.txBytes - watch.txBytes - keepalives * KEEPALIVE_BYTES;
  return waiting >= DATA_BYTES ? { ...watch, unansweredSince: uptime } : watch;
}

export function isSilent(watch: Watch, uptime: UptimeMs): boolean {
  return watch.unansweredSince !== null && uptime - watch.unansweredSince >= SILENCE_MS;
}
