import { start, stop } from './attempt.ts';
import { whileFailed } from './failed.ts';
import { whileOff } from './off.ts';
import { whileOn } from './on.ts';
import { whileReconnecting } from './reconnecting.ts';
import { whileStarting } from './starting.ts';
import { whileStopping } from './stopping.ts';
import type { Context, Step, TunnelEvent, TunnelState } from './tunnel-state.ts';

export function step(state: TunnelState, event: TunnelEvent, context: Context): Step {
  switch (state.kind) {
    case 'off':
      return whileOff(state, event, context);
    case 'starting':
      return whileStarting(state, event, context);
    case 'on':
      return whileOn(state, event, context);
    case 'reconnecting':
      return whileReconnecting(state, event, context);
    case 'stopping':
      return whileStopping(state, event, context);
    case 'failed':
      return whileFailed(state, event, context);
  }
}

/** The first step of a daemon, whatever the last one left on the host: a start adopts it, a stop takes it back. */
export function firstStep(wanted: 'on' | 'off', context: Context): Step {
  return wanted === 'on' ? start(context, 1) : stop();
}
