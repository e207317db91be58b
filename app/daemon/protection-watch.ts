/** Looks whether the protection still stands after another program changed the host, and says what it found. */
import type { Logger } from 'pino';
import { problem } from '../contract/problem.ts';
import type { Findings } from './findings.ts';
import type { HostNetwork } from './network/host-network.ts';

export interface ProtectionWatchParts {
  network: HostNetwork;
  findings: Findings;
  log: Logger;
  isWanted: () => boolean;
  /** To be made anew. */
  onLost: () => void;
  /** Something else is to be told than before. */
  onFindings: () => void;
}

const PRIORITY_TAKEN = 'priority-taken';

export class ProtectionWatch {
  readonly #parts: ProtectionWatchParts;

  constructor(parts: ProtectionWatchParts) {
    this.#parts = parts;
  }

  /** Another program flushed the firewall or the rules: put them back, and say so. */
  async check(): Promise<void> {
    const { network, findings, log, isWanted, onLost, onFindings } = this.#parts;
    await this.#noteCompany();
    if (!isWanted() || (await network.isProtected())) return;
    log.warn({}, 'another program removed the protection');
    onLost();
    const lost = problem('protection-lost', { lostAt: Date.now() });
    findings.replace(lost.code, [lost]);
    onFindings();
  }

  /** A rule of another program at our priority is told for as long as it is there. */
  async #noteCompany(): Promise<void> {
    const { network, findings, onFindings } = this.#parts;
    const taken = (await network.probe()).filter(({ code }) => code === PRIORITY_TAKEN);
    if (findings.replace(PRIORITY_TAKEN, taken)) onFindings();
  }
}
