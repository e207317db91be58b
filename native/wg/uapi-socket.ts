/** Ask and change a WireGuard interface over its UAPI socket: culvert-engine, wireguard-go and others alike. */
import { connect } from 'node:net';
import {
  GET_REQUEST,
  type InterfaceChange,
  type InterfaceState,
  parseGet,
  parseSetAnswer,
  printSet,
  type UapiAnswer,
} from './uapi-text.ts';

export const UAPI_FOLDER = '/var/run/wireguard';

export function uapiPath(interfaceName: string): string {
  return `${UAPI_FOLDER}/${interfaceName}.sock`;
}

/** Rejects when nothing answers at the socket; a refusal by the interface is an answer. */
export async function getInterface(path: string): Promise<UapiAnswer<InterfaceState>> {
  return parseGet(await exchange(path, GET_REQUEST));
}

/** Applied whole: where a line is refused, `errno` says why and the interface may hold what came before that line. */
export async function setInterface(
  path: string,
  change: InterfaceChange,
): Promise<UapiAnswer<null>> {
  return parseSetAnswer(await exchange(path, printSet(change)));
}

const PATIENCE_MS = 5_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** One request a connection. The answer ends with an empty line; the server may keep the connection open. */
function exchange(path: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const socket = connect(path, () => socket.write(request));
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`${path} does not answer.`)));
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_ANSWER_BYTES) socket.destroy(new Error(`${path} answers without end.`));
      else if (endsWithEmptyLine(chunks)) socket.end();
    });
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}

function endsWithEmptyLine(chunks: Buffer[]): boolean {
  const tail = Buffer.concat(chunks.slice(-2)).subarray(-2);
  return tail.length === 2 && tail[0] === 10 && tail[1] === 10;
}
