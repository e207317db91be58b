/** Where the other half of the control plane joins: policy, push, the administrator's API, connectors. */

import { accessSync, constants } from 'node:fs';
import { DataPlane } from '../dataplane/data-plane.ts';
import { findEngine, UAPI_FOLDER } from '../dataplane/engine-place.ts';
import { engineFolder } from '../dataplane/udp-port.ts';
import { registerAdmin } from './admin/admin-routes.ts';
import { registerConnectors } from './connectors/connector-routes.ts';
import type { Assemble, Core, Part } from './gateway.ts';
import { Fault } from './http/fault.ts';
import { registerInstall } from './install/install-routes.ts';
import type { GatewayFacts } from './policy/policy-state.ts';
import { registerExplain } from './push/explain.ts';
import { openGatewayFacts } from './push/gateway-facts.ts';
import { Live, type LiveOptions } from './push/live.ts';

export const assemble: Assemble = (core) => {
  // A service manager's restart (SIGTERM) leaves the engine running, so that nobody's tunnel goes down; Ctrl-C ends it.
  process.once('SIGTERM', () => {
    keepEngine = true;
  });
  return assembleWith(core, startDataPlane(core));
};

let keepEngine = false;

/** Without a data plane: the whole control plane, and no packets. */
export async function assembleWith(
  core: Core,
  dataPlane: LiveOptions['dataPlane'],
  limits: LiveOptions['limits'] = {},
) {
  const facts = await openGatewayFacts(core.store, core.configuration);
  const live = await Live.open({ ...core, facts, limits, ...(dataPlane ? { dataPlane } : {}) });
  return { snapshots: live, parts: [partOf(core, live, facts)], live };
}

function startDataPlane(core: Core): NonNullable<LiveOptions['dataPlane']> {
  const { configuration, log } = core;
  const name = `culvert-${configuration.wireguardPort}`;
  return (events) =>
    new DataPlane({
      ...events,
      folder: engineFolder(configuration.data),
      binary: configuration.engine ?? engineBinary(),
      ...(mayOfferUapi() ? { uapiName: name } : {}),
      onEngine: (state) => {
        if (state.kind === 'failed') log.error({ engine: state }, state.reason);
        else log.info({ engine: state.kind }, `engine ${state.kind}`);
      },
    });
}

function engineBinary(): string {
  try {
    return findEngine();
  } catch (cause) {
    throw new Fault('engine-missing', (cause as Error).message, cause);
  }
}

/** So that `wg show` works on a gateway whose operator lets this user write there. */
function mayOfferUapi(): boolean {
  try {
    accessSync(UAPI_FOLDER, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function partOf(core: Core, live: Live, facts: GatewayFacts): Part {
  return {
    name: 'live',
    register: async (app) => {
      live.streams.attach(app.server);
      registerExplain(app, { ...core, live, facts, db: core.store.db });
      registerConnectors(app, { ...core, snapshots: live });
      registerInstall(app, core);
      registerAdmin(app, { ...core, live });
    },
    close: () => live.close({ keepEngine }),
  };
}
