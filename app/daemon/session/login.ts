/** The sign-ins that wait for their browser: one at a time, bound to the local user who started it. */
import { randomBytes } from 'node:crypto';
import type { Agent } from 'node:https';
import { pinnedAgent } from '../../../gateway/trust/tls-pin.ts';
import { Fault } from '../../contract/problem.ts';
import { type Enrolment, enrol } from './enrol.ts';
import type { Device, Membership, SessionStore } from './membership.ts';
import { beginGrant, finishGrant, isCallbackOf, type PendingGrant } from './oauth.ts';
import { findOrganisation, type Organisation } from './organisation.ts';

/** Long enough to find a password and a second factor, short enough that a forgotten tab is worth nothing. */
export const LOGIN_LIMIT_MS = 5 * 60_000;

export interface LoginWaiting {
  loginId: string;
  authorizeUrl: string;
  gateway: string;
  since: number;
}

export interface LoginDone {
  membership: Membership;
  enrolment: Enrolment;
}

interface Pending extends LoginWaiting {
  uid: number;
  organisation: Organisation;
  agent: Agent;
  grant: PendingGrant;
  timer: NodeJS.Timeout;
}

export class Logins {
  readonly #store: SessionStore;
  readonly #device: Device;
  readonly #onChange: () => void;
  #pending: Pending | null = null;
  #isStarting = false;

  constructor(store: SessionStore, device: Device, onChange: () => void) {
    this.#store = store;
    this.#device = device;
    this.#onChange = onChange;
  }

  get waiting(): LoginWaiting | null {
    return this.#pending;
  }

  /** Starting again replaces one's own earlier try; somebody else's is left alone, unless root asks. */
  async start(link: string, redirectPort: number, uid: number): Promise<LoginWaiting> {
    this.#assertFree(uid);
    this.#isStarting = true;
    try {
      return await this.#begin(link, redirectPort, uid);
    } finally {
      this.#isStarting = false;
    }
  }

  async #begin(link: string, redirectPort: number, uid: number): Promise<LoginWaiting> {
    const organisation = await findOrganisation(link, this.#store.membership);
    const { statement } = organisation.trust;
    const agent = pinnedAgent(statement.tlsKeys);
    const grant = await beginGrant(statement.issuer, redirectPort, agent);
    this.#drop();
    const timer = setTimeout(() => this.#drop(), LOGIN_LIMIT_MS);
    timer.unref();
    const { authorizeUrl } = grant;
    const { gateway } = organisation;
    const waiting = {
      loginId: randomBytes(16).toString('base64url'),
      authorizeUrl,
      gateway,
      since: Date.now(),
    };
    this.#pending = { ...waiting, uid, organisation, agent, grant, timer };
    this.#onChange();
    return waiting;
  }

  async finish(loginId: string, callback: string, uid: number): Promise<LoginDone> {
    const pending = this.#find(loginId, uid);
    // Anybody can open the loopback address; only the answer to this very sign-in may end it.
    if (!isCallbackOf(pending.grant, callback)) throw new Fault('login-callback');
    this.#pending = null;
    clearTimeout(pending.timer);
    try {
      return await this.#redeem(pending, callback);
    } finally {
      pending.agent.destroy();
      this.#onChange();
    }
  }

  cancel(loginId: string | null, uid: number): void {
    if (this.#pending === null) return;
    this.#find(loginId ?? this.#pending.loginId, uid);
    this.#drop();
  }

  close(): void {
    this.#drop();
  }

  async #redeem(pending: Pending, callback: string): Promise<LoginDone> {
    const keys = this.#store.keysForEnrolment();
    const { gateway, trust } = pending.organisation;
    const token = await finishGrant(pending.grant, callback, keys.identity);
    const enrolment = await enrol(gateway, trust, token, keys, this.#device, pending.agent);
    const { statement, fingerprint } = trust;
    const { publicKey, tlsKeys, issuer } = statement;
    const membership: Membership = {
      gateway,
      organisation: statement.organisation,
      fingerprint,
      publicKey,
      tlsKeys,
      issuer,
      deviceId: enrolment.deviceId,
      ended: null,
    };
    return { membership, enrolment };
  }

  #assertFree(uid: number): void {
    const isOthers = this.#pending !== null && this.#pending.uid !== uid && uid !== 0;
    if (isOthers || this.#isStarting) throw new Fault('login-busy');
  }

  #find(loginId: string, uid: number): Pending {
    const pending = this.#pending;
    if (pending === null || pending.loginId !== loginId) throw new Fault('login-unknown');
    if (pending.uid !== uid) throw new Fault('login-other-user');
    return pending;
  }

  #drop(): void {
    if (this.#pending === null) return;
    clearTimeout(this.#pending.timer);
    this.#pending.agent.destroy();
    this.#pending = null;
    this.#onChange();
  }
}
