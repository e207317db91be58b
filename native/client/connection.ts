/** One connection to an engine's control socket: requests and answers by id, events, and a promise that it closed. */
import { connect, type Socket } from 'node:net';
import { type EngineEvent, PROTOCOL_VERSION } from './protocol.ts';

/** The engine understood and said no; what it had stays as it was. */
export class EngineRefusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'EngineRefusal';
    this.code = code;
  }
}

/** No answer will come: the engine is gone or hangs. */
export class EngineGone extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EngineGone';
  }
}

/** It holds its socket open, and says nothing. */
export class EngineSilent extends EngineGone {
  constructor(message: string) {
    super(message);
    this.name = 'EngineSilent';
  }
}

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const PATIENCE_MS = 5_000;

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

export class EngineConnection {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #onEvent: (event: EngineEvent) => void = () => {};
  #lastId = 0;
  #pieces: Buffer[] = [];
  #heldBytes = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    // 'close' follows every error and settles what waits.
    socket.on('error', () => {});
    socket.once('close', () =>
      this.#failAll(new EngineGone('The engine closed its control socket.')),
    );
  }

  /** Rejects with the socket's error (`ENOENT`, `ECONNREFUSED`: no engine is there). */
  static open(path: string): Promise<EngineConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new EngineConnection(socket));
      });
    });
  }

  request(method: string, params?: unknown, patienceMs: number = PATIENCE_MS): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new EngineGone('The engine is not connected.'));
      const timer = setTimeout(() => this.#giveUp(id, method, patienceMs), patienceMs);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.write(`${JSON.stringify({ v: PROTOCOL_VERSION, id, method, params })}\n`);
    });
  }

  /** After this the engine sends events on this connection until it closes. */
  async watch(onEvent: (event: EngineEvent) => void): Promise<void> {
    this.#onEvent = onEvent;
    await this.request('watch');
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#pieces, rest.subarray(0, end)]).toString('utf8');
      this.#pieces = [];
      this.#heldBytes = 0;
      rest = rest.subarray(end + 1);
      this.#takeLine(line);
    }
    if (rest.length === 0) return;
    this.#pieces.push(rest);
    this.#heldBytes += rest.length;
    if (this.#heldBytes > MAX_LINE_BYTES) this.#socket.destroy();
  }

  #takeLine(line: string): void {
    const message = parseLine(line);
    if (!message) return;
    if (message.event) this.#onEvent(message.event);
    else this.#settle(message);
  }

  #settle(message: Line): void {
    const id = message.id ?? -1;
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (message.error) waiting.reject(new EngineRefusal(message.error.code, message.error.message));
    else waiting.resolve(message.result);
  }

  /** An engine that does not answer is not worth keeping a connection to: whoever supervises it sees it close. */
  #giveUp(id: number, method: string, patienceMs: number): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.reject(
      new EngineSilent(`The engine did not answer “${method}” within ${patienceMs / 1000} s.`),
    );
    this.#socket.destroy();
  }

  #failAll(error: Error): void {
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(error);
    }
    this.#waiting.clear();
  }
}

interface Line {
  id?: number;
  result?: unknown;
  error?: { code: string; message: string };
  event?: EngineEvent;
}

function parseLine(line: string): Line | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === 'object' && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}
