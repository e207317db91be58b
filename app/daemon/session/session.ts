/**
 * Who this device is, and what its organisation last told it. Signing in, the stream, expiry and signing out all end in
 * one of three calls: a new configuration, an end, or a change worth showing.
 */

import type { ExplainAnswer, ExplainRequest } from '../../../gateway/contract/device-api.ts';
import type { DeviceConfig } from '../../../gateway/contract/snapshot.ts';
import { SNAPSHOT_REFUSALS } from '../../../gateway/trust/snapshot.ts';
import { fetchTrust } from '../../../gateway/trust/statement.ts';
import type { Problem } from '../../contract/local-api.ts';
import { Fault, problem, problemOf } from '../../contract/problem.ts';
import { explain, type GatewayTarget, leave } from './gateway-client.ts';
import { Logins, type LoginWaiting } from './login.ts';
import type { Device, Membership, SessionLog, SessionStore } from './membership.ts';
import { verifyNew, verifyStored } from './stored-snapshot.ts';
import { ConfigStream } from './stream.ts';
import { StreamAbsence } from './stream-absence.ts';

export interface SessionListener {
  /** Verified, stored, and to be put into effect. */
  onConfig(config: DeviceConfig): void;
  /** The gateway wants nothing more to do with this device; `isRemoval` is an administrator's disconnect. */
  onEnded(why: Problem, isRemoval: boolean): void;
  onChange(): void;
}

export interface SessionFacts {
  login: LoginWaiting | null;
  membership: Membership | null;
  config: DeviceConfig | null;
  stream: 'connected' | 'connecting';
  /** The stream stays away; null while it is there or may come any moment. */
  absence: Problem | null;
  problem: Problem | null;
}

/** setTimeout counts in 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Session {
  readonly #store: SessionStore;
  readonly #logins: Logins;
  readonly #listener: SessionListener;
  readonly #log: SessionLog;
  #config: DeviceConfig | null = null;
  #stream: ConfigStream | null = null;
  readonly #absence: StreamAbsence;
  #isConnected = false;
  #problem: Problem | null = null;
  #expiry: NodeJS.Timeout | null = null;
  #isRefreshing = false;
  #receiving: Promise<void> = Promise.resolve();

  constructor(store: SessionStore, device: Device, listener: SessionListener, log: SessionLog) {
    this.#store = store;
    this.#listener = listener;
    this.#log = log;
    this.#logins = new Logins(store, device, () => listener.onChange());
    this.#absence = new StreamAbsence(() => listener.onChange());
  }

  get facts(): SessionFacts {
    return {
      login: this.#logins.waiting,
      membership: this.#store.membership,
      config: this.#config,
      stream: this.#isConnected ? 'connected' : 'connecting',
      absence: this.#absence.problemOf(this.#store.membership?.gateway ?? ''),
      problem: this.#problem,
    };
  }

  async begin(): Promise<void> {
    const { membership, snapshot } = this.#store;
    if (membership === null) return;
    this.#problem = membership.ended;
    if (snapshot !== null) {
      const outcome = await verifyStored(membership, snapshot);
      if (outcome.kind === 'good') this.#adopt(outcome.config);
      else
        this.#problem ??= problem('snapshot-refused', {
          reason: SNAPSHOT_REFUSALS[outcome.reason],
        });
    }
    if (membership.ended === null) this.#openStream();
  }

  startLogin(link: string, redirectPort: number, uid: number): Promise<LoginWaiting> {
    return this.#logins.start(link, redirectPort, uid);
  }

  async finishLogin(loginId: string, callback: string, uid: number): Promise<void> {
    const { membership, enrolment } = await this.#logins.finish(loginId, callback, uid);
    this.#store.saveMembership(membership);
    this.#store.saveSnapshot(enrolment.received.jws);
    this.#problem = null;
    this.#log.info({ organisation: membership.organisation.name }, 'signed in');
    this.#adopt(enrolment.received.config);
    this.#listener.onConfig(enrolment.received.config);
    this.#openStream();
  }

  cancelLogin(loginId: string | null, uid: number): void {
    this.#logins.cancel(loginId, uid);
  }

  /** The gateway is told if it can be; this device forgets its keys in any case. */
  async signOut(): Promise<void> {
    const target = this.#target();
    const gateway = this.#store.membership?.gateway ?? '';
    this.#closeStream();
    if (this.#expiry) clearTimeout(this.#expiry);
    this.#store.forgetMembership();
    this.#config = null;
    this.#problem = null;
    this.#listener.onChange();
    if (target === null) return;
    try {
      await leave(target);
    } catch (cause) {
      this.#log.warn({ cause }, 'the gateway could not be told about the sign-out');
      this.#problem = problem('leave-unheard', { gateway });
      this.#listener.onChange();
    }
  }

  explain(request: ExplainRequest): Promise<ExplainAnswer> {
    const target = this.#target();
    if (target === null) throw new Fault('not-signed-in');
    return explain(target, request);
  }

  /** What became of a revision, for the dashboard's “revision 42 on 41 of 43 devices”. */
  acknowledge(revision: number, refusal: string | null): void {
    if (refusal === null) this.#stream?.reply({ type: 'applied', revision });
    else this.#stream?.reply({ type: 'refused', revision, problem: refusal.slice(0, 500) });
  }

  networkChanged(): void {
    this.#stream?.renew();
  }

  close(): void {
    this.#logins.close();
    this.#closeStream();
    if (this.#expiry) clearTimeout(this.#expiry);
  }

  #adopt(config: DeviceConfig): void {
    this.#config = config;
    this.#watchExpiry(config.session.expiresAt);
    this.#listener.onChange();
  }

  #openStream(): void {
    this.#closeStream();
    const target = this.#target();
    if (target === null) return;
    this.#absence.began(null);
    this.#stream = new ConfigStream(
      target,
      {
        onSnapshot: (jws) => this.#receive(jws),
        onEnded: (reason) => this.#ended(reason),
        onUnknownKey: () => void this.#refreshTrust(),
        onConnection: (isConnected, reason) => this.#connection(isConnected, reason),
      },
      this.#log,
    );
  }

  #closeStream(): void {
    this.#stream?.close();
    this.#stream = null;
    this.#isConnected = false;
    this.#absence.ended();
  }

  /** One after another: each is held against the revision that the one before it brought. */
  #receive(jws: string): void {
    this.#receiving = this.#receiving
      .then(() => this.#received(jws))
      .catch((cause: unknown) => {
        this.#log.warn({ cause }, 'a snapshot could not be taken over');
        this.#problem = problemOf(cause);
        this.#listener.onChange();
      });
  }

  async #received(jws: string): Promise<void> {
    const { membership } = this.#store;
    if (membership === null) return;
    const revision = this.#config?.revision ?? null;
    const outcome = await verifyNew(membership, jws, revision, Date.now());
    if (outcome.kind === 'refused') {
      const reason = SNAPSHOT_REFUSALS[outcome.reason];
      this.#log.warn({ reason, revision: outcome.revision }, 'a snapshot was refused');
      this.#problem = problem('snapshot-refused', { reason });
      if (outcome.revision !== null) this.acknowledge(outcome.revision, reason);
      this.#listener.onChange();
      return;
    }
    this.#store.saveSnapshot(jws);
    this.#problem = null;
    this.#adopt(outcome.config);
    this.#listener.onConfig(outcome.config);
  }

  #ended(reason: 'removed' | 'session-expired' | 'replaced'): void {
    const { membership } = this.#store;
    if (membership === null || membership.ended !== null) return;
    const ended = endOf(reason, this.#config?.session.expiresAt ?? Date.now());
    this.#log.warn({ reason }, 'the session ended');
    this.#store.saveMembership({ ...membership, ended });
    this.#problem = ended;
    this.#closeStream();
    this.#listener.onEnded(ended, reason === 'removed');
  }

  #watchExpiry(expiresAt: number): void {
    if (this.#expiry) clearTimeout(this.#expiry);
    const left = expiresAt - Date.now();
    // Looked at again every so often, for the clock may be set meanwhile.
    const wait = Math.min(Math.max(0, left), 60_000, LONGEST_TIMER_MS);
    this.#expiry = setTimeout(
      () => (left <= 0 ? this.#ended('session-expired') : this.#watchExpiry(expiresAt)),
      wait,
    );
    this.#expiry.unref();
  }

  /** The gateway's TLS key changed. The organisation key is pinned: a statement that it signed may name the new one. */
  async #refreshTrust(): Promise<void> {
    const { membership } = this.#store;
    if (membership === null || this.#isRefreshing) return;
    this.#isRefreshing = true;
    try {
      const outcome = await fetchTrust(membership.gateway, membership.fingerprint);
      if (outcome.kind !== 'trusted') {
        this.#log.warn({ outcome }, 'the gateway answers with an unknown TLS key');
        return;
      }
      const { tlsKeys, issuer } = outcome.trust.statement;
      this.#store.saveMembership({ ...membership, tlsKeys, issuer });
      this.#openStream();
    } catch (cause) {
      this.#log.warn(
        { problem: problemOf(cause) },
        'the trust statement could not be fetched again',
      );
    } finally {
      this.#isRefreshing = false;
    }
  }

  #connection(isConnected: boolean, reason: string | null): void {
    this.#isConnected = isConnected;
    if (isConnected) this.#absence.ended();
    else this.#absence.began(reason);
    if (isConnected) this.#log.info({}, 'configuration stream connected');
    else this.#log.info({ reason }, 'configuration stream lost');
    this.#listener.onChange();
  }

  #target(): GatewayTarget | null {
    const { membership, keys } = this.#store;
    if (membership === null || keys === null) return null;
    const { gateway, tlsKeys, deviceId } = membership;
    return { gateway, tlsKeys, deviceId, identity: keys.identity };
  }
}

function endOf(reason: 'removed' | 'session-expired' | 'replaced', expiredAt: number): Problem {
  if (reason === 'session-expired') return problem('session-expired', { expiredAt });
  return problem(reason === 'removed' ? 'device-removed' : 'device-replaced');
}
