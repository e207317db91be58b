/**
 * Everything that culvertd remembers. Opening it never fails for what a file holds: a damaged file is set aside, the
 * safe side is taken, and the problem is told.
 */
import {
  exportIdentity,
  generateIdentity,
  type Identity,
  importIdentity,
} from '../../../gateway/trust/identity.ts';
import type { Problem } from '../../contract/local-api.ts';
import { problem } from '../../contract/problem.ts';
import type { ProblemCode } from '../../contract/sentences/en.ts';
import {
  DEFAULT_PREFERENCES,
  IDENTITY_FILE,
  MEMBERSHIP_FILE,
  type Membership,
  PAUSE_FILE,
  PREFERENCES_FILE,
  type Preferences,
  SNAPSHOT_FILE,
  WANTED_FILE,
  type Wanted,
} from './formats.ts';
import { prepareStateDirectory } from './state-directory.ts';
import {
  readStateFile,
  removeStateFile,
  type StateFormat,
  setAside,
  writeStateFile,
} from './state-file.ts';
import { WireguardKey } from './wireguard-key.ts';

export interface DeviceKeys {
  identity: Identity;
  wireguard: WireguardKey;
}

export class Store {
  /** What was found wrong while opening, each once. */
  readonly problems: Problem[] = [];
  readonly #directory: string;
  readonly #now: () => number;
  #keys: DeviceKeys | null;
  #membership: Membership | null;
  #snapshot: string | null;
  #wanted: Wanted;
  #preferences: Preferences;
  #pausedUntil: number | null;

  constructor(directory: string, now: () => number = Date.now) {
    this.#directory = directory;
    this.#now = now;
    prepareStateDirectory(directory);
    this.#keys = this.#readKeys();
    this.#membership = this.#read(MEMBERSHIP_FILE, 'consequence-signed-out').value;
    this.#snapshot = this.#read(SNAPSHOT_FILE, 'consequence-refetch').value?.jws ?? null;
    this.#wanted = this.#readWanted();
    this.#pausedUntil = this.#readPause();
    this.#preferences =
      this.#read(PREFERENCES_FILE, 'consequence-defaults').value ?? DEFAULT_PREFERENCES;
  }

  get membership(): Membership | null {
    // A membership without its keys is worth nothing: the gateway would refuse every proof.
    return this.#keys === null ? null : this.#membership;
  }

  get snapshot(): string | null {
    return this.#snapshot;
  }

  get wanted(): Wanted {
    return this.#wanted;
  }

  /** Unix ms. */
  get pausedUntil(): number | null {
    return this.#pausedUntil;
  }

  get preferences(): Preferences {
    return this.#preferences;
  }

  get keys(): DeviceKeys | null {
    return this.#keys;
  }

  /** The same keys as long as the device belongs to the same organisation; new ones after a sign-out. */
  keysForEnrolment(): DeviceKeys {
    if (this.#keys) return this.#keys;
    const keys = { identity: generateIdentity(), wireguard: WireguardKey.generate() };
    writeStateFile(this.#directory, IDENTITY_FILE, {
      identityKey: exportIdentity(keys.identity),
      wireguardKey: keys.wireguard.reveal(),
    });
    this.#keys = keys;
    return keys;
  }

  saveMembership(membership: Membership): void {
    writeStateFile(this.#directory, MEMBERSHIP_FILE, membership);
    this.#membership = membership;
  }

  saveSnapshot(jws: string): void {
    writeStateFile(this.#directory, SNAPSHOT_FILE, { jws });
    this.#snapshot = jws;
  }

  saveWanted(wanted: Wanted): void {
    writeStateFile(this.#directory, WANTED_FILE, { wanted });
    this.#wanted = wanted;
  }

  savePausedUntil(until: number | null): void {
    if (until === null) removeStateFile(this.#directory, PAUSE_FILE.name);
    else writeStateFile(this.#directory, PAUSE_FILE, { until });
    this.#pausedUntil = until;
  }

  savePreferences(preferences: Preferences): void {
    writeStateFile(this.#directory, PREFERENCES_FILE, preferences);
    this.#preferences = preferences;
  }

  /** Sign-out: the keys go too, so that the next organisation cannot recognise this device. */
  forgetMembership(): void {
    for (const { name } of [SNAPSHOT_FILE, MEMBERSHIP_FILE, IDENTITY_FILE]) {
      removeStateFile(this.#directory, name);
    }
    this.#keys = null;
    this.#membership = null;
    this.#snapshot = null;
  }

  #readKeys(): DeviceKeys | null {
    const data = this.#read(IDENTITY_FILE, 'consequence-signed-out').value;
    return (
      data && {
        identity: importIdentity(data.identityKey),
        wireguard: new WireguardKey(data.wireguardKey),
      }
    );
  }

  /**
   * The safe side is on: a file that cannot be believed must not be what takes the protection away. A missing one means
   * off only on a device that was never enrolled.
   */
  #readWanted(): Wanted {
    const read = this.#read(WANTED_FILE, 'consequence-on');
    if (read.value) return read.value.wanted;
    return read.isMissing && this.#membership === null ? 'off' : 'on';
  }

  /** One that cannot be believed is over: that leads to on. */
  #readPause(): number | null {
    const read = this.#read(PAUSE_FILE, 'consequence-on');
    if (read.value) return read.value.until;
    return read.isMissing ? null : 0;
  }

  #read<T>(
    format: StateFormat<T>,
    consequence: ProblemCode,
  ): { value: T | null; isMissing: boolean } {
    const read = readStateFile(this.#directory, format);
    switch (read.kind) {
      case 'present':
        return { value: read.value, isMissing: false };
      case 'missing':
        return { value: null, isMissing: true };
      case 'corrupt': {
        const kept = setAside(this.#directory, format.name, this.#now());
        this.problems.push(
          problem('state-corrupt', { file: this.#path(format), kept, consequence }),
        );
        return { value: null, isMissing: false };
      }
      case 'unsafe':
        this.problems.push(
          problem('state-unsafe', { file: this.#path(format), reason: read.reason }),
        );
        return { value: null, isMissing: false };
      case 'newer':
        this.problems.push(
          problem('state-newer', { file: this.#path(format), version: read.version }),
        );
        return { value: null, isMissing: false };
    }
  }

  #path(format: StateFormat<unknown>): string {
    return `${this.#directory}/${format.name}`;
  }
}
