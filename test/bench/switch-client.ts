/** The laptop's part of switch.ts: switches on, fetches a page through the tunnel, switches off; a line of JSON a round. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { LocalClient } from '../../app/client/client.ts';
import type { Status } from '../../app/contract/local-api.ts';

export interface Switched {
  onMs: number;
  firstByteMs: number;
}

const HOST = { host: '192.168.0.20', port: 80 };
/** What a round sets off is over when the next begins. */
const CALM_MS = 1000;

const client = new LocalClient();
for (let rounds = Number(process.argv[2]); rounds > 0; rounds--) {
  console.log(JSON.stringify(await switchOn()));
  await pause(CALM_MS);
  await Promise.all([until('off'), client.down()]);
  await pause(CALM_MS);
}

async function switchOn(): Promise<Switched> {
  const isOn = until('on');
  const startedAt = performance.now();
  await client.up();
  await isOn;
  const onMs = performance.now() - startedAt;
  await firstByte();
  return { onMs, firstByteMs: performance.now() - startedAt };
}

async function until(kind: Status['tunnel']['kind']): Promise<void> {
  const heard = new AbortController();
  for await (const { tunnel } of client.watch(heard.signal)) if (tunnel.kind === kind) break;
  heard.abort();
}

async function firstByte(): Promise<void> {
  const socket = connect(HOST);
  socket.write(`GET / HTTP/1.0\r\nHost: ${HOST.host}\r\n\r\n`);
  await once(socket, 'data');
  socket.destroy();
}
