/** Why the program ends: one sentence, and an exit code that a service manager can tell apart (sysexits.h). */
export type StopReason =
  | 'usage'
  | 'not-joined'
  | 'unreachable'
  | 'unexpected'
  | 'refused'
  | 'state';

export const EXIT_CODES: Record<StopReason, number> = {
  usage: 64,
  /** `install` comes first. */
  'not-joined': 64,
  unreachable: 69,
  unexpected: 70,
  /** Only a person can help: the gateway, or this machine's trust in it, says no. */
  refused: 77,
  state: 78,
};

export class Stop extends Error {
  readonly reason: StopReason;

  constructor(reason: StopReason, message: string) {
    super(message);
    this.name = 'Stop';
    this.reason = reason;
  }
}
