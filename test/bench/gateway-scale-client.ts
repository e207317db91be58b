/** The other end of gateway-scale.ts, in a thread of its own so that its work is not counted as the gateway's. */
import { Agent, request } from 'node:https';
import { parentPort, workerData } from 'node:worker_threads';
import { WebSocket } from 'ws';
import { importIdentity } from '../../gateway/trust/identity.ts';
import { makeProof } from '../../gateway/trust/proof.ts';

export interface Ask {
  kind: 'ask';
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  body?: unknown;
}

export interface Streaming {
  kind: 'follow';
  /** `key`: the identity key in PEM. */
  devices: { id: string; key: string }[];
}

export interface Answer {
  status: number;
  ms: number;
  text: string;
}

const { url, cookie } = workerData as { url: string; cookie: string };
/** The gateway made its certificate a moment ago, in this very process. */
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
const STREAM_PATH = '/v1/device/stream';

parentPort?.on('message', (message: Ask | Streaming) => {
  const work = message.kind === 'ask' ? ask(message) : follow(message);
  void work.then((answer) => parentPort?.postMessage(answer));
});

function ask({ method, path, body }: Ask): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/admin/${path}`, {
      method,
      agent,
      headers: {
        cookie: `__Host-culvert=${cookie}`,
        'culvert-csrf': '1',
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
      },
    });
    sent.on('error', reject);
    sent.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const ms = performance.now() - startedAt;
        resolve({ status: answer.statusCode ?? 0, ms, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.end(text);
  });
}

/** Each answers what it gets, as a device does. */
async function follow({ devices }: Streaming): Promise<{ kind: 'following' }> {
  for (const { id, key } of devices) {
    const identity = importIdentity(key);
    const proof = await makeProof(identity, id, { method: 'GET', path: STREAM_PATH, body: '' });
    const socket = new WebSocket(url.replace('https', 'wss') + STREAM_PATH, {
      agent,
      headers: { 'culvert-proof': proof },
    });
    await new Promise((resolve, reject) => {
      socket.once('message', resolve);
      socket.once('error', reject);
    });
    socket.on('message', (data) => socket.send(appliedOf((data as Buffer).toString())));
  }
  return { kind: 'following' };
}

function appliedOf(message: string): string {
  const { snapshot } = JSON.parse(message) as { snapshot: string };
  const payload = Buffer.from(snapshot.split('.')[1] ?? '', 'base64url').toString();
  const { revision } = JSON.parse(payload) as { revision: number };
  return JSON.stringify({ type: 'applied', revision });
}
