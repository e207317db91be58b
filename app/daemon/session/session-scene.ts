/** A device's session against a gateway on a real TLS socket of this process, for tests of what that gateway may do. */
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, type Mock, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import type { DeviceConfig } from '../../../gateway/contract/snapshot.ts';
import { generateIdentity } from '../../../gateway/trust/identity.ts';
import {
  makeCertificate,
  makeOrganisation,
  signTrust,
  statementOf,
} from '../../../gateway/trust/test-organisation.ts';
import type { Keys, Membership, SessionStore } from './membership.ts';
import { Session, type SessionListener } from './session.ts';

export const organisation = makeOrganisation();
export const certificate = makeCertificate();
const LOG = { info: () => undefined, warn: () => undefined, debug: () => undefined };
const DEVICE = { name: 'laptop', os: 'linux', osVersion: '6', clientVersion: '0.1.0' } as const;

interface Connection {
  socket: WebSocket;
  request: IncomingMessage;
  /** What the device answered. */
  replies: unknown[];
}

export class SessionScene {
  readonly connections: Connection[] = [];
  /** Instead of a stream. */
  refuseWith: { status: number; body: string } | null = null;
  readonly store: MemoryStore;
  readonly session: Session;
  readonly listener: { [Name in keyof SessionListener]: Mock<SessionListener[Name]> };
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });

  private constructor() {
    this.#server = createServer(certificate, (_request, response) => {
      const statement = statementOf(organisation, { tlsKeys: [certificate.pin], issuer: this.url });
      void signTrust(organisation, statement).then((jws) => response.end(jws));
    });
    this.#server.on('upgrade', (...[request, socket, head]) => {
      if (this.refuseWith) socket.end(httpRefusal(this.refuseWith));
      else this.#sockets.handleUpgrade(request, socket, head, (one) => this.#take(one, request));
    });
    this.store = new MemoryStore();
    this.listener = { onConfig: vi.fn(), onEnded: vi.fn(), onChange: vi.fn() };
    this.session = new Session(this.store, DEVICE, this.listener, LOG);
  }

  static async open(): Promise<SessionScene> {
    const scene = new SessionScene();
    await new Promise<void>((resolve) => scene.#server.listen(0, '127.0.0.1', resolve));
    scene.store.membership = scene.membership();
    return scene;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  membership(): Membership {
    return {
      gateway: this.url,
      organisation: { id: 'org', name: 'Example' },
      fingerprint: organisation.fingerprint,
      publicKey: organisation.publicKey,
      tlsKeys: [certificate.pin],
      issuer: this.url,
      deviceId: 'device-1',
      ended: null,
    };
  }

  /** The first stream, once it stands. */
  async connected(): Promise<Connection> {
    await this.session.begin();
    await until(() => this.connections.length > 0 && this.session.facts.stream === 'connected');
    const [first] = this.connections;
    if (!first) throw new Error('no connection');
    return first;
  }

  async close(): Promise<void> {
    this.session.close();
    await this.stopGateway();
  }

  async stopGateway(): Promise<void> {
    for (const { socket } of this.connections) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #take(socket: WebSocket, request: IncomingMessage): void {
    const replies: unknown[] = [];
    socket.on('message', (data) => replies.push(JSON.parse((data as Buffer).toString())));
    socket.on('error', () => undefined);
    this.connections.push({ socket, request, replies });
  }
}

export class MemoryStore implements SessionStore {
  membership: Membership | null = null;
  snapshot: string | null = null;
  readonly keys: Keys = {
    identity: generateIdentity(),
    wireguard: { publicKey: '', reveal: () => '' },
  };

  keysForEnrolment(): Keys {
    return this.keys;
  }

  saveMembership(next: Membership): void {
    this.membership = next;
  }

  saveSnapshot(jws: string): void {
    this.snapshot = jws;
  }

  forgetMembership(): void {
    this.membership = null;
  }
}

export function send(stream: { socket: WebSocket }, message: object): void {
  stream.socket.send(JSON.stringify(message));
}

export async function until(isSo: () => boolean, patienceMs = 15_000): Promise<void> {
  await vi.waitFor(() => expect(isSo()).toBe(true), { timeout: patienceMs, interval: 10 });
}

function httpRefusal({ status, body }: { status: number; body: string }): string {
  return `HTTP/1.1 ${status} No\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

export function config(parts: Partial<DeviceConfig>): DeviceConfig {
  return {
    kind: 'device',
    v: 1,
    receiver: 'device-1',
    revision: 1,
    issuedAt: Date.now(),
    expiresAt: Date.now() + 3_600_000,
    organisation: { id: 'org', name: 'Example' },
    user: { id: 'u', email: 'alice@example.com', name: 'Alice' },
    session: { expiresAt: Date.now() + 3_600_000 },
    addresses: { ipv4: '100.96.0.5' },
    mtu: 1420,
    keepaliveSeconds: 25,
    gateways: [],
    networks: [],
    profile: {
      id: 'p',
      name: 'Default',
      splitTunnel: { defaultPath: 'direct', include: [], exclude: [] },
    },
    ...parts,
  };
}
