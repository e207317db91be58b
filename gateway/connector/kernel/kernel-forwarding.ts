/** Has the kernel forward for the connector, keeps it so, and gives everything back. */
import type { ConnectorConfig } from '../../contract/snapshot.ts';
import type { KernelHost } from './host.ts';
import type { KernelLedger } from './ledger.ts';
import {
  forwardingPath,
  INTERFACE,
  type KernelFacts,
  type KernelPlan,
  planKernel,
  TABLE,
} from './plan.ts';
import { ephemeralPorts, freePorts, takenPorts } from './ports.ts';

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

export class KernelForwarding {
  readonly #host: KernelHost;
  readonly #ledger: KernelLedger;
  #applied: { firewall: string; link: string } = { firewall: '', link: '' };

  constructor(host: KernelHost, ledger: KernelLedger) {
    this.#host = host;
    this.#ledger = ledger;
  }

  /**
   * Whole, and only what differs from the last time. Applied again now and then, for listeners and interfaces come and
   * go. Rejects with the kernel's complaint; what was taken until then is in the ledger.
   */
  async apply(config: ConnectorConfig): Promise<void> {
    const plan = planKernel(config, this.#facts());
    this.#ledger.claim(this.#before(plan));
    if (plan.firewall !== this.#applied.firewall) {
      await this.#host.run('nft', ['-f', '-'], plan.firewall);
      this.#applied.firewall = plan.firewall;
    }
    await this.#applyLink(plan);
    for (const { path, value } of plan.settings) {
      const now = this.#host.read(path);
      if (now !== undefined && now !== value) this.#host.write(path, value);
    }
  }

  /** The engine has made its interface anew, without addresses and routes. */
  forgetLink(): void {
    this.#applied.link = '';
  }

  /** The interface goes with the engine, and its address and routes with it. Resolves to what was given back, in words. */
  async undo(): Promise<string[]> {
    const { firewall, settings } = this.#ledger.claims;
    if (firewall) await this.#removeTable();
    // Somebody has made this host a router meanwhile, and all its interfaces with it: not ours to end.
    const own = this.#isRouter ? [] : settings;
    const present = own.filter(({ path }) => this.#host.read(path) !== undefined);
    for (const { path, before } of present) this.#host.write(path, before);
    this.#ledger.clear();
    this.#applied = { firewall: '', link: '' };
    const table = firewall ? [`firewall table ip ${TABLE}`] : [];
    return [...table, ...present.map(({ path, before }) => `${path} is ${before} again`)];
  }

  async #removeTable(): Promise<void> {
    // Without nft there was never a table.
    if (!this.#host.has('nft')) return;
    await this.#host.run('nft', ['-f', '-'], `table ip ${TABLE}\ndelete table ip ${TABLE}\n`);
  }

  #facts(): KernelFacts {
    const ports = freePorts(takenPorts(this.#host), ephemeralPorts(this.#host));
    if (!ports) throw new Error('no range of 1024 ports is free of listeners');
    const others = this.#host
      .list('/proc/sys/net/ipv4/conf')
      .filter((name) => !['all', 'default', 'lo', INTERFACE].includes(name));
    return { ports, closedInterfaces: this.#isRouter ? [] : others.filter(this.#isClosed) };
  }

  /** It forwards for others too, and goes on to. */
  get #isRouter(): boolean {
    return this.#host.read(IP_FORWARD) === '1';
  }

  /** It forwards nothing, or only because we have told it to. */
  readonly #isClosed = (name: string): boolean => {
    const path = forwardingPath(name);
    const isOurDoing = this.#ledger.claims.settings.some((setting) => setting.path === path);
    return isOurDoing || this.#host.read(path) === '0';
  };

  /** Of the settings that would change. The interface is ours: what it had before is of no interest. */
  #before(plan: KernelPlan): { path: string; before: '0' }[] {
    const others = plan.settings.filter(({ path }) => path !== forwardingPath(INTERFACE));
    return others.flatMap(({ path }) => {
      return this.#host.read(path) === '0' ? [{ path, before: '0' as const }] : [];
    });
  }

  async #applyLink(plan: KernelPlan): Promise<void> {
    if (!this.#host.list('/sys/class/net').includes(INTERFACE)) return this.forgetLink();
    const link = [
      `address flush dev ${INTERFACE}`,
      `address add ${plan.address} dev ${INTERFACE}`,
      `link set dev ${INTERFACE} mtu ${plan.mtu} up`,
      // Never `replace`: a route of somebody else's to the same place is a clash to be told, not to be taken.
      ...plan.routes.map((route) => `route add ${route} dev ${INTERFACE}`),
    ].join('\n');
    if (link === this.#applied.link) return;
    await this.#host.run('ip', ['route', 'flush', 'dev', INTERFACE]);
    await this.#host.run('ip', ['-batch', '-'], `${link}\n`);
    this.#applied.link = link;
  }
}
