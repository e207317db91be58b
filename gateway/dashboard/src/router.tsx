/** Addresses of the dashboard. A list keeps its filter in the address, so that it can be shared and gone back to. */
import { createRootRoute, createRoute, createRouter } from '@tanstack/react-router';
import { z } from 'zod';
import { NothingHere, PageFailed } from './shell/no-page.tsx';
import { Shell } from './shell/shell.tsx';
import { ActivityView } from './views/activity.tsx';
import { DeviceView } from './views/device.tsx';
import { DevicesView } from './views/devices.tsx';
import { NetworkView } from './views/network.tsx';
import { NetworksView } from './views/networks.tsx';
import { OverviewView } from './views/overview.tsx';
import { PeopleView } from './views/people.tsx';
import { PolicyView } from './views/policy.tsx';
import { ProfilesView } from './views/profiles.tsx';

const listSearch = z.object({
  filter: z.string().optional().catch(undefined),
  sort: z.string().optional().catch(undefined),
});

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NothingHere,
  errorComponent: PageFailed,
});
const at = <Path extends string>(path: Path, component: () => React.JSX.Element) =>
  createRoute({ getParentRoute: () => root, path, component, validateSearch: listSearch });

export const router = createRouter({
  routeTree: root.addChildren([
    at('/', OverviewView),
    at('/networks', NetworksView),
    at('/networks/$networkId', NetworkView),
    at('/devices', DevicesView),
    at('/devices/$deviceId', DeviceView),
    at('/people', PeopleView),
    at('/profiles', ProfilesView),
    at('/policy', PolicyView),
    at('/activity', ActivityView),
  ]),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
