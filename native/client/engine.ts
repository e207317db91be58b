/** The engine's methods, typed, over one connection. */
import { createHash } from 'node:crypto';
import { EngineConnection } from './connection.ts';
import {
  type ConnectorEngineConfig,
  type EngineEvent,
  type EngineStatus,
  type ExplainParams,
  type ExplainResult,
  type GatewayEngineConfig,
  type Hello,
  PROTOCOL_VERSION,
} from './protocol.ts';

export type EngineConfig = GatewayEngineConfig | ConnectorEngineConfig;

export class Engine {
  readonly hello: Hello;
  readonly closed: Promise<void>;
  readonly #connection: EngineConnection;

  private constructor(connection: EngineConnection, hello: Hello) {
    this.#connection = connection;
    this.hello = hello;
    this.closed = connection.closed;
  }

  static async open(path: string): Promise<Engine> {
    const connection = await EngineConnection.open(path);
    try {
      return new Engine(connection, (await connection.request('hello')) as Hello);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get speaksOurProtocol(): boolean {
    return this.hello.protocol === PROTOCOL_VERSION;
  }

  /** Whole, at once or not at all. Many peers take the engine a moment, hence the longer patience. */
  async configure(config: EngineConfig): Promise<string> {
    const { hash } = (await this.#connection.request('configure', config, 30_000)) as {
      hash: string;
    };
    this.hello.configHash = hash;
    return hash;
  }

  async status(): Promise<EngineStatus> {
    return (await this.#connection.request('status')) as EngineStatus;
  }

  async explain(params: ExplainParams): Promise<ExplainResult> {
    return (await this.#connection.request('explain', params)) as ExplainResult;
  }

  /**
   * Asks for a sign of life, and closes the connection when none comes in time. A connector's data thread has to give it
   * (it answers `status`), elsewhere the thread that answers the control socket.
   */
  async ping(patienceMs: number): Promise<void> {
    const method = this.hello.role === 'connector' ? 'status' : 'hello';
    await this.#connection.request(method, undefined, patienceMs);
  }

  watch(onEvent: (event: EngineEvent) => void): Promise<void> {
    return this.#connection.watch(onEvent);
  }

  /** The engine cleans up and leaves; resolves when its socket has closed. */
  async shutdown(): Promise<void> {
    await this.#connection.request('shutdown');
    await this.closed;
  }

  close(): void {
    this.#connection.close();
  }
}

/** What `hello` says once this very configuration has been applied: SHA-256 of its JSON as it was sent. */
export function configHash(config: EngineConfig): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex');
}
