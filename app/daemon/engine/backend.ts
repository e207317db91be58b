/** A WireGuard interface on this computer: the kernel's, or our engine's. */

export interface Backend {
  readonly kind: 'kernel' | 'engine';

  /** Adopts the one that already runs, or starts one; the device exists afterwards. Throws a `Fault`. */
  start(settings: DeviceSettings): Promise<'adopted' | 'started'>;

  /** Makes this the only peer. Sessions that live are kept, unless `isFresh` asks for a new handshake. */
  configure(config: TunnelPeer): Promise<void>;

  /** Null when nothing answers any more. */
  state(): Promise<BackendState | null>;

  /** Ends it and waits until the device is gone. False, and harmless, when nothing runs. */
  stop(): Promise<boolean>;

  /** Called once each time a running one goes away by itself. The answer stops it. */
  onGone(listener: () => void): () => void;

  /** Called after each handshake. The answer stops it. */
  onHandshake(listener: () => void): () => void;
}

export interface DeviceSettings {
  privateKey: string;
  mtu: number;
  /** Carried by every packet that it sends to a gateway. */
  mark: number;
}

export interface TunnelPeer {
  publicKey: string;
  /** Address and port; names are resolved before. */
  endpoint: string;
  allowedIps: readonly string[];
  keepaliveSeconds: number;
  isFresh: boolean;
}

export interface BackendState {
  publicKey: string | null;
  endpoint: string | null;
  /** Unix milliseconds. */
  lastHandshakeAt: number | null;
  /** Of the last handshake that we began; null where nobody measures it. */
  rttMs: number | null;
  rxBytes: number;
  txBytes: number;
}
