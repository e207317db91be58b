/** Where the other half of the control plane joins: policy, push, the administrator's API, connectors. */
import type { Assemble } from './gateway.ts';
import { Fault } from './http/fault.ts';

export const assemble: Assemble = async () => ({
  snapshots: {
    forDevice: async () => Promise.reject(notThere()),
    forConnector: async () => Promise.reject(notThere()),
  },
  parts: [],
});

function notThere(): Fault {
  return new Fault(
    'not-assembled',
    'This gateway has no policy part, so it cannot hand out configurations.',
  );
}
