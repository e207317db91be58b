/**
 * What the parts of the control plane get: one value, made once by `build.ts`.
 *
 * A part registers its routes on the app it is handed. It imports no other part; what one needs of another is here.
 */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { ConnectorConfig, DeviceConfig } from '../contract/snapshot.ts';
import type { KeyChallenges } from './enrol/key-challenge.ts';
import type { Proofs } from './enrol/proof.ts';
import type { Trust } from './enrol/trust.ts';
import type { Configuration } from './http/configuration.ts';
import type { Tls } from './http/tls.ts';
import type { SignedIn } from './login/browser-session.ts';
import type { Store } from './store/store.ts';

export interface Gateway {
  configuration: Configuration;
  store: Store;
  log: FastifyBaseLogger;
  tls: Tls;
  /** The organisation's key: statements, snapshots, fingerprint. */
  trust: Trust;
  /** Verifies `Culvert-Proof` (devices and connectors, also on a WebSocket upgrade). */
  proofs: Proofs;
  /** Proof that a caller holds a WireGuard private key (enrol, join). */
  keyChallenges: KeyChallenges;
  /** Runs before every route below /v1/admin by itself: session cookie, role by the route table, CSRF header. */
  requireAdmin: (request: FastifyRequest) => Promise<void>;
  /** Who `requireAdmin` let in. */
  signedIn: (request: FastifyRequest) => SignedIn;
  snapshots: Snapshots;
}

/** What there is before configurations can be compiled. */
export type Core = Omit<Gateway, 'snapshots'>;

/** The other half of the control plane: policy, push and the administrator's API (parts.ts). */
export type Assemble = (core: Core) => Promise<{ snapshots: Snapshots; parts: Part[] }>;

/** Compiled configurations, as the parts that hand one out need them. */
export interface Snapshots {
  /** Compact JWS. */
  forDevice(deviceId: string): Promise<string>;
  forConnector(connectorId: string): Promise<string>;
}

export type SnapshotPayload = DeviceConfig | ConnectorConfig;

export interface Part {
  name: string;
  register(app: FastifyInstance): Promise<void> | void;
  /** Ends streams and timers, so that the process can stop. */
  close?(): Promise<void> | void;
}
