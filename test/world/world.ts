/** The whole world, built up as far as a scenario wants it. */

import type { Network, Rule } from '../../gateway/contract/admin-api.ts';
import type { Service } from '../lab/command.ts';
import { eventually } from '../lab/eventually.ts';
import { Lab } from '../lab/lab.ts';
import { Administrator } from './administrator.ts';
import { LabBrowser } from './browser.ts';
import { Device } from './device.ts';
import { type RunningGateway, startGateway } from './gateway.ts';
import { people, type RunningProvider, startProvider } from './provider.ts';
import { startResolver, startSsh, startWeb } from './targets.ts';
import { worldTopology } from './topology.ts';

export const VPC_RANGE = '192.168.0.0/24';
export const SECOND_SAYS = 'Hello from the second host in Tokyo.';
export const PRINTER_SAYS = 'The printer at home is ready.';
/** A word that passes through the tunnel, and must be seen nowhere else. */
export const CANARY = 'canary-5f1d-the-quick-brown-otter';
export const PRIVATE_NAME = 'wiki.tokyo.internal';

export class World {
  readonly lab: Lab;
  readonly provider: RunningProvider;
  readonly gateway: RunningGateway;
  readonly browser: LabBrowser;

  private constructor(
    lab: Lab,
    provider: RunningProvider,
    gateway: RunningGateway,
    browser: LabBrowser,
  ) {
    this.lab = lab;
    this.provider = provider;
    this.gateway = gateway;
    this.browser = browser;
  }

  /** Hosts, their servers, the provider and the gateway; nobody has signed in and no network exists. */
  static async build(): Promise<World> {
    const lab = await Lab.build(worldTopology);
    let opening: Promise<LabBrowser> | undefined;
    try {
      const [provider] = await Promise.all([startProvider(lab.host('login')), startTargets(lab)]);
      opening = LabBrowser.open(lab.host('laptop'));
      const [gateway, browser] = await Promise.all([
        startGateway(lab.host('gateway'), provider),
        opening,
      ]);
      return new World(lab, provider, gateway, browser);
    } catch (cause) {
      const logs = lab.logs;
      await opening?.then(
        (browser) => browser.close(),
        () => {},
      );
      await lab.stop();
      throw new Error(`the world did not come up: ${(cause as Error).message}\n${logs}`, { cause });
    }
  }

  async administrator(): Promise<Administrator> {
    return await Administrator.signIn(this.browser, people.olivia);
  }

  async device(): Promise<Device> {
    return await Device.install(this.lab.host('laptop'));
  }

  /** Runs the very line that the dashboard gives, on a machine that holds nothing of ours. */
  async joinConnector(
    administrator: Administrator,
    networkId: string,
    hostName = 'server',
  ): Promise<Service> {
    const { command } = await administrator.connectorLine(networkId);
    const install = this.lab.host(hostName).start('install', ['sh', '-c', command]);
    const [code] = await install.ended;
    if (code !== 0)
      throw new Error(`the connector’s line ended with exit code ${code}:\n${install.log}`);
    await this.untilOnline(administrator, networkId);
    return install;
  }

  async untilOnline(administrator: Administrator, networkId: string, count = 1): Promise<void> {
    await eventually(async () => {
      const { connectors } = await administrator.network(networkId);
      const online = connectors.filter((connector) => connector.state === 'online');
      if (online.length < count)
        throw new Error(
          `${online.length} of ${count} connectors are online: ${JSON.stringify(connectors)}`,
        );
    });
  }

  /** A network as the first screen makes it: connector joined, range entered, everybody allowed. */
  async network(
    administrator: Administrator,
    name = 'tokyo-vpc',
  ): Promise<{ network: Network; rule: Rule }> {
    const network = await administrator.createNetwork(name);
    await this.joinConnector(administrator, network.id);
    await administrator.addRange(network.id, VPC_RANGE);
    const rule = await administrator.allow('Everyone to Tokyo', network.id);
    return { network, rule };
  }

  async stop(): Promise<void> {
    await this.browser.close().catch(() => {});
    await this.lab.stop();
  }
}

async function startTargets(lab: Lab): Promise<void> {
  // Most distributions let every group ping (systemd's own default); a new network namespace lets none.
  await lab.host('server').run(['sysctl', '-qw', 'net.ipv4.ping_group_range=0 2147483647']);
  await Promise.all([
    startSsh(lab.host('server'), lab.host('laptop'), 'alice').then(() =>
      startSsh(lab.host('second'), lab.host('laptop'), 'alice'),
    ),
    startWeb(lab.host('server'), 'Hello from 192.168.0.10.', 8080),
    startWeb(lab.host('second'), SECOND_SAYS, 80, { '/secret': CANARY }),
    startResolver(lab.host('second'), { [PRIVATE_NAME]: '192.168.0.20' }),
    startWeb(lab.host('printer'), PRINTER_SAYS),
  ]);
}
