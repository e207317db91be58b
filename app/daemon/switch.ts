/** The one switch, and everything that turns it: a person, a pause, signing out, a repair, an administrator's disconnect. */
import type { z } from 'zod';
import type { RepairAnswer, Status } from '../contract/local-api.ts';
import type { HostNetwork } from './network/host-network.ts';
import { Pause } from './pause.ts';
import type { Session } from './session/session.ts';
import type { StatusWatchers } from './status-watchers.ts';
import type { Store } from './store/store.ts';
import type { TunnelShell } from './tunnel/tunnel-shell.ts';

export interface SwitchParts {
  store: Store;
  network: HostNetwork;
  tunnel: TunnelShell;
  session: Session;
  watchers: StatusWatchers;
  status: () => Status;
  /** The configuration is gone, and what is kept of it has to go. */
  onSignedOut: () => void;
}

const STOP_PATIENCE_MS = 15_000;

export class Switch {
  readonly #parts: SwitchParts;
  readonly #pause: Pause;

  constructor(parts: SwitchParts) {
    this.#parts = parts;
    this.#pause = new Pause(parts.store, () => this.want('on'));
  }

  /** Goes on with the pause of the last run. */
  begin(): void {
    this.#pause.begin();
  }

  close(): void {
    this.#pause.close();
  }

  want(wanted: 'on' | 'off'): Status {
    const status = this.#turn(wanted);
    this.#pause.end();
    return { ...status, pausedUntil: null };
  }

  /** First the pause: a daemon that ends right here is on, not off for ever. */
  pause(ms: number): Status {
    this.#pause.start(ms);
    return this.#turn('off');
  }

  async logout(): Promise<Status> {
    this.want('off');
    await this.#untilOff();
    await this.#parts.session.signOut();
    this.#parts.onSignedOut();
    return this.#parts.status();
  }

  async repair(): Promise<z.infer<typeof RepairAnswer>> {
    this.want('off');
    await this.#untilOff();
    const answer = await this.#parts.network.repair();
    this.#parts.watchers.tell();
    return answer;
  }

  #turn(wanted: 'on' | 'off'): Status {
    const { store, tunnel, watchers, status } = this.#parts;
    store.saveWanted(wanted);
    tunnel.send({ kind: wanted === 'on' ? 'want-on' : 'want-off' });
    watchers.tell();
    return status();
  }

  #untilOff(): Promise<void> {
    const { watchers, tunnel } = this.#parts;
    return watchers.until(() => tunnel.state.kind === 'off', STOP_PATIENCE_MS);
  }
}
