/** Server-sent events: each front end gets the status at once and then on each change. */
import type { ServerResponse } from 'node:http';
import type { Status } from '../../contract/local-api.ts';
import { Fault } from '../../contract/problem.ts';

interface Stream {
  response: ServerResponse;
  uid: number;
}

const MAX_STREAMS = 64;
const MAX_STREAMS_PER_USER = 16;
/** A front end that reads nothing must not make the daemon remember everything. */
const MAX_UNREAD_BYTES = 1024 * 1024;
const HEARTBEAT_MS = 15_000;

export class EventStreams {
  readonly #watch: (listener: (status: Status) => void) => () => void;
  readonly #streams = new Set<Stream>();
  #unwatch: (() => void) | null = null;
  #heartbeat: NodeJS.Timeout | null = null;

  constructor(watch: (listener: (status: Status) => void) => () => void) {
    this.#watch = watch;
  }

  assertRoom(uid: number): void {
    const own = [...this.#streams].filter((stream) => stream.uid === uid).length;
    if (this.#streams.size >= MAX_STREAMS || own >= MAX_STREAMS_PER_USER)
      throw new Fault('too-many');
  }

  open(response: ServerResponse, uid: number, status: Status): void {
    const stream = { response, uid };
    this.#streams.add(stream);
    response.once('close', () => this.#drop(stream));
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(message(status));
    this.#unwatch ??= this.#watch((changed) => this.#tell(message(changed)));
    this.#heartbeat ??= setInterval(() => this.#tell(': still here\n\n'), HEARTBEAT_MS).unref();
  }

  close(): void {
    for (const stream of this.#streams) stream.response.destroy();
    this.#rest();
  }

  #tell(text: string): void {
    for (const { response } of this.#streams) {
      if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
      else response.write(text);
    }
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) this.#rest();
  }

  #rest(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    if (this.#heartbeat) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }
}

function message(status: Status): string {
  return `event: status\ndata: ${JSON.stringify(status)}\n\n`;
}
