/** Where the other half of the control plane joins: policy, push, the administrator's API, connectors. */

import { DataPlane } from '../dataplane/data-plane.ts';
import { registerAdmin } from './admin/admin-routes.ts';
import { registerConnectors } from './connectors/connector-routes.ts';
import type { Assemble, Core, Part } from './gateway.ts';
import { registerInstall } from './install/install-routes.ts';
import type { GatewayFacts } from './policy/policy-state.ts';
import { registerExplain } from './push/explain.ts';
import { openGatewayFacts } from './push/gateway-facts.ts';
import { Live, type LiveOptions } from './push/live.ts';

/** A service manager's restart leaves the engine running, so that nobody's tunnel goes down; Ctrl-C ends it too. */
let keepEngine = false;
process.once('SIGTERM', () => {
  keepEngine = true;
});

export const assemble: Assemble = (core) => assembleWith(core, startDataPlane(core));

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

function startDataPlane({ configuration, log }: Core): NonNullable<LiveOptions['dataPlane']> {
  return (events) =>
    new DataPlane({
      ...events,
      folder: `${configuration.data}/engine`,
      ...(configuration.engine ? { binary: configuration.engine } : {}),
      onEngine: (state) => {
        if (state.kind === 'failed') log.error({ engine: state }, state.reason);
        else log.info({ engine: state.kind }, `engine ${state.kind}`);
      },
    });
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
