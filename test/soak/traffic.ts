/**
 * Numbered datagrams, there and back; runs on the lab's hosts.
 *
 *   traffic.ts echo PORT                      sends everything back
 *   traffic.ts talk ADDRESS PORT EVERY_MS     one line of JSON a lost, doubled or changed datagram, and a count each second
 */
import { randomFillSync } from 'node:crypto';
import { createSocket } from 'node:dgram';

export type Said =
  | { kind: 'count'; sent: number; received: number }
  | { kind: 'lost' | 'doubled'; number: number; sentAt: number }
  | { kind: 'changed'; number: number };

/** What has not come back by then does not come. */
const PATIENCE_MS = 8_000;
/** Number and time of sending. */
const HEADER_BYTES = 16;
const LARGEST_BYTES = 1372;
/** Larger than any burst that a busy machine lets pile up. */
const BUFFER_BYTES = 4 << 20;

if (import.meta.main) {
  const [what, ...rest] = process.argv.slice(2);
  if (what === 'echo') echo(Number(rest[0]));
  else talk(rest[0] ?? '', Number(rest[1]), Number(rest[2]));
}

function echo(port: number): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(port, () => console.log('ready'));
}

function talk(address: string, port: number, everyMs: number): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
  const open = new Map<number, { sentAt: number; bytes: Buffer }>();
  const done = new Map<number, number>();
  const counts = { sent: 0, received: 0 };
  const say = (said: Said) => console.log(JSON.stringify(said));

  socket.on('message', (bytes) => {
    const number = Number(bytes.readBigUInt64BE(0));
    const waiting = open.get(number);
    if (!waiting) {
      // An answer after its patience is a second report of a loss, not a doubled datagram.
      const sentAt = done.get(number);
      if (sentAt !== undefined) say({ kind: 'doubled', number, sentAt });
      return;
    }
    open.delete(number);
    done.set(number, waiting.sentAt);
    counts.received++;
    if (!bytes.equals(waiting.bytes)) say({ kind: 'changed', number });
  });
  socket.on('error', () => {});

  const sending = setInterval(() => {
    const number = counts.sent++;
    const bytes = Buffer.alloc(HEADER_BYTES + ((number * 389) % (LARGEST_BYTES - HEADER_BYTES)));
    randomFillSync(bytes);
    bytes.writeBigUInt64BE(BigInt(number), 0);
    open.set(number, { sentAt: Date.now(), bytes });
    socket.send(bytes, port, address, () => {});
  }, everyMs);

  const reporting = setInterval(() => {
    const limit = Date.now() - PATIENCE_MS;
    for (const [number, { sentAt }] of open) {
      if (sentAt > limit) break;
      open.delete(number);
      say({ kind: 'lost', number, sentAt });
    }
    for (const [number, sentAt] of done) {
      if (sentAt > limit - PATIENCE_MS) break;
      done.delete(number);
    }
    say({ kind: 'count', ...counts });
  }, 1_000);

  // Asked to stop, it sends no more and waits for what is under way.
  process.once('SIGTERM', () => {
    clearInterval(sending);
    setTimeout(() => {
      clearInterval(reporting);
      socket.close();
    }, PATIENCE_MS + 2_000);
  });
}
