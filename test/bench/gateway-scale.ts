/**
 * `node test/bench/gateway-scale.ts [--devices N] [--networks N] [--entries N] [--streams N] [--json FILE]`: one gateway with a large
 * organisation, its real engine and devices that follow their streams. A client in a thread of its own reads and changes as the
 * dashboard does; of each call it says how long the answer took, and how long the gateway's event loop stood still meanwhile.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import Table from 'cli-table3';
import type { Network, Profile } from '../../gateway/contract/admin-api.ts';
import { type ScratchGateway, scratchGateway } from '../../gateway/control/scratch-gateway.ts';
import { DataPlane } from '../../gateway/dataplane/data-plane.ts';
import { exportIdentity, generateIdentity } from '../../gateway/trust/identity.ts';
import { findEngine } from '../../native/client/binary.ts';
import { repository } from '../lab/host.ts';
import { fill } from '../ui/filled-organisation.ts';
import type { Answer, Ask, Streaming } from './gateway-scale-client.ts';
import { median } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    devices: { type: 'string', default: '10000' },
    networks: { type: 'string', default: '300' },
    entries: { type: 'string', default: '10000' },
    streams: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string', default: path.join(repository, 'test/output/gateway-scale.json') },
  },
});
const size = {
  devices: Number(options.devices),
  networks: Number(options.networks),
  entries: Number(options.entries),
};
/** What a person feels as at once, and what still lets everybody else's answer through. */
const MOST_ANSWER_MS = 300;
const MOST_BLOCKED_MS = 50;
/** What a change sets off (pushes, the engine) comes after its answer, and counts. */
const SETTLE_MS = 3000;

interface Figure {
  call: string;
  answerMs: number;
  /** The longest that the event loop stood still, of the calls and of what they set off. */
  blockedMs: number;
  kilobytes: number;
}

const gateway = await startGateway();
const client = new Worker(new URL('./gateway-scale-client.ts', import.meta.url), {
  workerData: { url: gateway.url, cookie: await gateway.signIn('owner') },
});
try {
  const figures = await measureAll();
  print(figures);
  await mkdir(path.dirname(options.json), { recursive: true });
  await writeFile(options.json, `${JSON.stringify({ size, figures }, null, 2)}\n`);
} finally {
  await client.terminate();
  await gateway[Symbol.asyncDispose]();
}

async function startGateway(): Promise<ScratchGateway> {
  const built = await scratchGateway({
    wireguardPort: 51_829,
    dataPlane: (events) =>
      new DataPlane({
        ...events,
        folder: path.join(repository, 'test/output/gateway-scale-engine'),
        binary: findEngine(),
      }),
  });
  await fill(built.store, {
    ...size,
    people: size.devices / 5,
    rules: size.networks,
    changes: 100,
  });
  return built;
}

async function measureAll(): Promise<Figure[]> {
  const first = await measure('first read of the devices', [{ method: 'GET', path: 'devices' }]);
  await follow();
  const [profile] = (await answerOf<Profile[]>('profiles')) as [Profile];
  const [network] = (await answerOf<Network[]>('networks')) as [Network];
  const again = Array.from({ length: Number(options.rounds) }, (_, round) => round);
  const read = (name: string) => again.map(() => ({ method: 'GET' as const, path: name }));
  const edited = (round: number) => ({ splitTunnel: withOneMore(profile.splitTunnel, round) });
  const figures = [first];
  for (const name of ['devices', 'networks', 'overview', 'people', 'rules', 'profiles'])
    figures.push(await measure(`read ${name}`, read(name)));
  figures.push(
    await measure(
      'preview of the split tunnel',
      again.map((round) => ({
        method: 'POST',
        path: `profiles/${profile.id}/preview`,
        body: edited(round),
      })),
    ),
    await measure(
      'save the split tunnel',
      again.map((round) => ({
        method: 'PATCH',
        path: `profiles/${profile.id}`,
        body: edited(round),
      })),
    ),
    await measure(
      'rename a network',
      again.map((round) => ({
        method: 'PATCH',
        path: `networks/${network.id}`,
        body: { name: `renamed-${round}` },
      })),
    ),
    await measure(
      'add a range',
      again.map((round) => ({
        method: 'POST',
        path: `networks/${network.id}/ranges`,
        body: { cidr: `10.250.${round}.0/24` },
      })),
    ),
  );
  return figures;
}

/** Devices that are online while everything else is measured; each gets what it should have. */
async function follow(): Promise<void> {
  const rows = await gateway.store.db
    .selectFrom('devices')
    .select('id')
    .where('sessionExpiresAt', '>', Date.now() + 600_000)
    .limit(Number(options.streams))
    .execute();
  const devices: Streaming['devices'] = [];
  for (const { id } of rows) {
    const identity = generateIdentity();
    await gateway.store.db
      .updateTable('peers')
      .set({
        identityKey: JSON.stringify(identity.publicJwk),
        identityThumbprint: identity.thumbprint,
      })
      .where('id', '=', id)
      .execute();
    devices.push({ id, key: exportIdentity(identity) });
  }
  await told<{ kind: 'following' }>({ kind: 'follow', devices });
}

async function measure(call: string, asks: Omit<Ask, 'kind'>[]): Promise<Figure> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const answers: Answer[] = [];
  delay.enable();
  for (const ask of asks) answers.push(await told<Answer>({ kind: 'ask', ...ask }));
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  delay.disable();
  const wrong = answers.find(({ status }) => status !== 200);
  if (wrong) throw new Error(`${call}: ${wrong.status} ${wrong.text.slice(0, 300)}`);
  const figure = {
    call,
    answerMs: Math.round(median(answers.map(({ ms }) => ms))),
    blockedMs: Math.round(delay.max / 1e6),
    kilobytes: Math.round((answers[0]?.text.length ?? 0) / 1000),
  };
  console.error(`${call}: ${figure.answerMs} ms, blocked ${figure.blockedMs} ms`);
  return figure;
}

async function answerOf<T>(name: string): Promise<T> {
  const { text } = await told<Answer>({ kind: 'ask', method: 'GET', path: name });
  return JSON.parse(text) as T;
}

function told<T>(what: Ask | Streaming): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (answer: T) => {
      client.off('error', reject);
      resolve(answer);
    };
    client.once('message', settle);
    client.once('error', reject);
    client.postMessage(what);
  });
}

function withOneMore(split: Profile['splitTunnel'], round: number): Profile['splitTunnel'] {
  return { ...split, exclude: [...split.exclude.slice(1), { cidr: `192.168.0.${round + 1}/32` }] };
}

function print(figures: readonly Figure[]): void {
  const table = new Table({
    head: ['', 'answer (ms, median)', 'event loop held (ms, most)', 'kB'],
  });
  for (const { call, answerMs, blockedMs, kilobytes } of figures) {
    table.push([call, mark(answerMs, MOST_ANSWER_MS), mark(blockedMs, MOST_BLOCKED_MS), kilobytes]);
  }
  console.log(
    `${size.devices} devices, ${size.networks} networks, ${size.entries} entries, ${options.streams} streams`,
  );
  console.log(table.toString());
  console.log(
    `* over the target: ${MOST_ANSWER_MS} ms for an answer, ${MOST_BLOCKED_MS} ms for the event loop`,
  );
}

function mark(ms: number, most: number): string {
  return ms > most ? `${ms} *` : String(ms);
}
