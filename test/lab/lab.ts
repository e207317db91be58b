/** Builds a topology, hands out its hosts, and takes all of it away again. */
import { finish, succeed } from './command.ts';
import { Host } from './host.ts';
import type { HostSpec, LinkSpec, Topology } from './topology.ts';

export class Lab {
  /** Holds the bridges: what cables and switches are in a building. */
  readonly fabric: Host;
  readonly #hosts = new Map<string, Host>();

  private constructor(fabric: Host) {
    this.fabric = fabric;
  }

  static async build(topology: Topology): Promise<Lab> {
    await requireRoot();
    const lab = new Lab(await Host.start('fabric', 'bare'));
    try {
      for (const segment of topology.segments) {
        await lab.fabric.run([
          'ip',
          'link',
          'add',
          segment,
          'type',
          'bridge',
          'forward_delay',
          '0',
        ]);
        await lab.fabric.run(['ip', 'link', 'set', segment, 'up']);
      }
      const names = Object.keys(topology.hosts);
      const hosts = await Promise.all(
        names.map((name) => Host.start(name, topology.hosts[name]?.holds ?? 'bare')),
      );
      for (const host of hosts) lab.#hosts.set(host.name, host);
      for (const host of hosts) await lab.#furnish(host, topology.hosts[host.name] as HostSpec);
    } catch (cause) {
      await lab.stop();
      throw cause;
    }
    return lab;
  }

  host(name: string): Host {
    const host = this.#hosts.get(name);
    if (!host) throw new Error(`the topology has no host ${name}`);
    return host;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#hosts.values(), this.fabric].map((host) => host.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get logs(): string {
    return [...this.#hosts.values()].map((host) => host.logs).join('\n');
  }

  /** Plugs one more cable in, or the same one elsewhere. */
  async plug(host: Host, link: LinkSpec): Promise<void> {
    const port = `p${this.#ports++}`;
    await succeed([
      'nsenter',
      '--target',
      String(this.fabric.pid),
      '--net',
      '--',
      'ip',
      'link',
      'add',
      port,
      'type',
      'veth',
      'peer',
      'name',
      link.name,
      'netns',
      String(host.pid),
    ]);
    await this.fabric.run(['ip', 'link', 'set', port, 'master', link.segment, 'up']);
    // Nobody else has its address (RFC 4862 §5.4): else it would come a second or two later, and a browser that is on its
    // way somewhere then gives up with ERR_NETWORK_CHANGED.
    await host.run(['sysctl', '-qw', `net.ipv6.conf.${link.name}.accept_dad=0`]);
    await host.run(['ip', 'link', 'set', link.name, 'mtu', String(link.mtu ?? 1500), 'up']);
    for (const address of link.addresses) {
      await host.run([
        'ip',
        'address',
        'add',
        address,
        'dev',
        link.name,
        ...(address.includes(':') ? ['nodad'] : []),
      ]);
    }
  }

  #ports = 0;

  async #furnish(host: Host, spec: HostSpec): Promise<void> {
    for (const link of spec.links) await this.plug(host, link);
    for (const via of spec.via ?? []) {
      await host.run([
        'ip',
        via.includes(':') ? '-6' : '-4',
        'route',
        'add',
        'default',
        'via',
        via,
      ]);
    }
    if (spec.masqueradeOut !== undefined) await masquerade(host, spec.masqueradeOut);
    const names = Object.entries(spec.names ?? {}).map(([address, name]) => `${address} ${name}\n`);
    if (names.length > 0)
      await host.run(['sh', '-c', 'cat >>/etc/hosts'], { input: names.join('') });
    await playDnsForCurl(host, spec.names ?? {});
    for (const user of spec.users ?? []) {
      await host.run(['useradd', '--create-home', '--shell', '/bin/bash', '--user-group', user]);
    }
  }
}

/** curl takes *.localhost for the machine itself without asking anybody (RFC 6761); in the lab these names are other machines. */
async function playDnsForCurl(host: Host, names: Record<string, string>): Promise<void> {
  const lines = Object.entries(names)
    .filter(([, name]) => name.endsWith('.localhost'))
    .flatMap(([address, name]) =>
      [443, 8443, 9443].map((port) => `resolve = "${name}:${port}:${address}"\n`),
    );
  if (lines.length > 0) await host.write('/root/.curlrc', lines.join(''));
}

async function masquerade(host: Host, out: string): Promise<void> {
  await host.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
  // A home router: what starts inside may go out, nothing that starts outside comes in.
  await host.run(['nft', '-f', '-'], {
    input: `table inet router {
  chain postrouting { type nat hook postrouting priority srcnat; oifname "${out}" masquerade; }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${out}" ct state new drop
  }
}
`,
  });
}

async function requireRoot(): Promise<void> {
  if (process.getuid?.() === 0) return;
  const who = await finish(['id', '-un']);
  throw new Error(
    `the lab makes network namespaces, which needs root; this is ${who.stdout.trim()}`,
  );
}
