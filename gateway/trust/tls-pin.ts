/**
 * TLS towards a gateway whose certificate no public authority signed: its key has to be one that the organisation's
 * signed statement names. Nothing is written to a connection before its key is known to be one of them.
 */
import type { X509Certificate } from 'node:crypto';
import { createHash } from 'node:crypto';
import { Agent, type AgentOptions } from 'node:https';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';

/** The gateway answered with a TLS key that the organisation never named: a relay, or a renewed certificate. */
export class PinMismatch extends Error {
  readonly pin: string;

  constructor(pin: string) {
    super('The gateway answered with a TLS key that your organisation has not named.');
    this.name = 'PinMismatch';
    this.pin = pin;
  }
}

/** base64 of SHA-256 over the certificate's SubjectPublicKeyInfo: what follows `sha256//` in curl's --pinnedpubkey. */
export function tlsPinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('base64');
}

/** An agent for `https.request` and `ws` that talks only to holders of these keys. */
export function pinnedAgent(pins: readonly string[], options: AgentOptions = {}): Agent {
  return new PinnedAgent(new Set(pins), options);
}

class PinnedAgent extends Agent {
  readonly #pins: ReadonlySet<string>;

  constructor(pins: ReadonlySet<string>, options: AgentOptions) {
    super(options);
    this.#pins = pins;
  }

  // The callback form: a request gets the socket only after its key has been checked.
  override createConnection(
    options: ConnectionOptions,
    callback?: (error: Error | null, socket: TLSSocket) => void,
  ): undefined {
    const socket = openTls(options);
    const finish = (error: Error | null): void => {
      socket.removeListener('error', finish);
      socket.removeListener('secureConnect', check);
      if (error) socket.destroy();
      callback?.(error, socket);
    };
    const check = (): void => finish(this.#refusal(socket));
    socket.once('error', finish);
    socket.once('secureConnect', check);
  }

  #refusal(socket: TLSSocket): Error | null {
    const certificate = socket.getPeerX509Certificate();
    const pin = certificate ? tlsPinOf(certificate) : '';
    return this.#pins.has(pin) ? null : new PinMismatch(pin);
  }
}

/** `session` is cleared: a resumed session shows no certificate to check. */
function openTls(options: ConnectionOptions): TLSSocket {
  const host = options.servername ?? options.host ?? '';
  const servername = isIP(host) === 0 ? host : '';
  return connect({ ...options, servername, session: undefined, rejectUnauthorized: false });
}
