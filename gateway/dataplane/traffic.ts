/** Bytes a second through the gateway, from counters that only grow until an engine restarts. */
export interface TrafficPoint {
  at: number;
  fromDevices: number;
  toDevices: number;
}

export interface Counters {
  at: number;
  fromDevices: number;
  toDevices: number;
}

export const POINTS = 60;

export class Traffic {
  #last: Counters | undefined;
  #points: TrafficPoint[] = [];

  /** Newest last. */
  get points(): readonly TrafficPoint[] {
    return this.#points;
  }

  take(now: Counters): void {
    const last = this.#last;
    this.#last = now;
    if (!last || now.at <= last.at) return;
    const seconds = (now.at - last.at) / 1000;
    const point = {
      at: now.at,
      fromDevices: rate(now.fromDevices - last.fromDevices, seconds),
      toDevices: rate(now.toDevices - last.toDevices, seconds),
    };
    this.#points = [...this.#points.slice(1 - POINTS), point];
  }
}

/** A removed peer takes its counters along, and a new engine starts at zero: neither is traffic backwards. */
function rate(bytes: number, seconds: number): number {
  return Math.max(0, Math.round(bytes / seconds));
}
