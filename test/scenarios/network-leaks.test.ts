/**
 * Attacks of the network that a device sits in, each first without the defence, to see that the probe would find a leak.
 *
 *   dev                                  lan (router of the home network, and its attacker)
 *   lan0 172.30.0.2, fd30::2 ─────────── dev0 172.30.0.1, fd30::1     counts what arrives for private addresses
 *   culvert0 100.96.0.5
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LinuxNetwork } from '../../app/daemon/network/linux/linux-network.ts';
import { networkNotices } from '../../app/daemon/policy/network-notices.ts';
import { eventually } from '../lab/eventually.ts';
import {
  addTunnelDevice,
  type Cable,
  homeNetwork,
  Namespace,
  removeTunnelDevice,
} from './network-namespace.ts';
import { OWN_IPV4, OWN_IPV6, plan } from './network-plan.ts';

const RANGES = ['10.20.0.0/16', 'fd12::/64'];
const PRIVATE = ['10.20.0.5', 'fd12::5'];
const wanted = plan({ ranges: RANGES });

let cable: Cable;
let dev: Namespace;
let lan: Namespace;
let folder: string;
let network: LinuxNetwork;

beforeEach(async () => {
  cable = await homeNetwork();
  ({ dev, lan } = cable);
  await addTunnelDevice(dev);
  await lan.sh(`nft -f - <<'X'
table inet seen {
  counter private { }
  chain arrived {
    type filter hook prerouting priority raw - 10; policy accept;
    iifname "dev0" ip daddr 10.20.0.0/16 counter name private
    iifname "dev0" ip6 daddr fd12::/64 counter name private
  }
}
X
ip addr add 203.0.113.9/32 dev lo; ip -6 addr add 2001:db8::9/128 dev lo`);
  folder = mkdtempSync(join(tmpdir(), 'culvert-ledger-'));
  network = new LinuxNetwork({ ledgerPath: join(folder, 'ledger.json'), host: dev });
});
afterEach(async () => {
  await cable?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe('TunnelVision: a more specific route from DHCP or a router’s advertisement', () => {
  const lengths = [
    ['10.20.0.5/32', 'fd12::5/128'],
    ['10.20.0.4/31', 'fd12::4/127'],
    ['10.20.0.0/24', 'fd12::/96'],
    ['0.0.0.0/1', 'fd00::/9'],
  ] as const;

  test('routes in the main table lose to it', async () => {
    await dev.sh('ip addr add 100.96.0.5/32 dev culvert0; ip route add 10.20.0.0/16 dev culvert0');

    await inject('10.20.0.5/32', 'fd12::5/128');

    expect(await leaked()).toBeGreaterThanOrEqual(6);
  });

  test('an own table behind a rule that lets specific routes of main through loses too', async () => {
    await dev.sh(`ip addr add 100.96.0.5/32 dev culvert0
      ip route add 10.20.0.0/16 dev culvert0 table 51820
      ip rule add not fwmark 51820 table 51820; ip rule add table main suppress_prefixlength 0`);

    await inject('10.20.0.5/32', 'fd12::5/128');

    expect(await leaked()).toBeGreaterThanOrEqual(6);
  });

  test.each(['connecting', 'connected', 'reconnecting'] as const)(
    'while %s nothing leaks, however specific the route is',
    async (state) => {
      await reach(state);
      for (const [v4, v6] of lengths) {
        await inject(v4, v6);

        expect(await leaked(), `${v4} ${v6}`).toBe(0);
        await dev.sh(`ip route del ${v4}; ip -6 route del ${v6}`);
      }
    },
  );

  test('the routing alone already stops it', async () => {
    await reach('connected');
    await dev.sh('nft delete table inet culvert');

    await inject('10.20.0.5/32', 'fd12::5/128');

    expect(await leaked()).toBe(0);
  });
});

describe('TunnelCrack: the local network claims the private range', () => {
  test('an equal route in the main table loses to the connected one', async () => {
    await dev.sh(
      'ip addr add 100.96.0.5/32 dev culvert0; ip route add 10.20.0.0/16 dev culvert0 metric 50',
    );
    await claimRange();

    expect(await leaked()).toBeGreaterThanOrEqual(6);
  });

  test('with a plan nothing leaks, and the overlap is told', async () => {
    await claimRange();
    const facts = await network.facts();
    const told = plan({ ranges: RANGES, facts });
    await network.connect(told);

    expect(await leaked()).toBe(0);
    expect(networkNotices(told).map(({ detail }) => detail.cidr)).toEqual([
      '10.20.0.0/16',
      'fd12::/64',
    ]);
  });

  test('who chose the local network gets it, and is told that', async () => {
    await claimRange();
    const facts = await network.facts();
    const chosen = plan({ ranges: RANGES, facts, useLocal: ['10.20.0.0/16', 'fd12::/64'] });
    await network.connect(chosen);

    expect(await leaked()).toBeGreaterThanOrEqual(6);
    expect(networkNotices(chosen).map(({ code }) => code)).toEqual([
      'overlap-local-used',
      'overlap-local-used',
    ]);
  });

  test('a private host named as the router gets no exemption, and still routes', async () => {
    await claimRange();
    await dev.sh('ip route replace default via 10.20.0.5; ip -6 route replace default via fd12::5');
    await network.connect(wanted);

    expect(await leaked()).toBe(0);
    expect((await dev.try('ping -c 1 -W 2 203.0.113.9')).status).toBe(0);
    expect((await dev.try('ping -c 1 -W 2 2001:db8::9')).status).toBe(0);
  });
});

describe('a tunnel that goes away', () => {
  test('without the defence its traffic takes the default route', async () => {
    await dev.sh('ip addr add 100.96.0.5/32 dev culvert0; ip route add 10.20.0.0/16 dev culvert0');
    await removeTunnelDevice(dev);

    expect(await leaked()).toBeGreaterThanOrEqual(6);
  });

  test('the unreachable routes refuse at once', async () => {
    await reach('reconnecting');
    await dev.sh('nft delete table inet culvert');

    expect(await leaked()).toBe(0);
    expect((await network.routeTo('10.20.0.5')).kind).toBe('refused');
  });

  test('with the routes flushed the firewall still refuses, and public traffic passes', async () => {
    await reach('reconnecting');
    await dev.sh('ip route flush table 5182; ip -6 route flush table 5182');

    expect(await leaked()).toBe(0);
    expect((await dev.try('ping -c 1 -W 2 203.0.113.9')).status).toBe(0);
    expect((await dev.try('ping -c 1 -W 2 2001:db8::9')).status).toBe(0);
  });

  test('a program that binds to the device passes the routes and is stopped by the firewall', async () => {
    await reach('reconnecting');
    // Bound to a device and without a route, IPv4 takes everybody for a neighbour: so somebody has to answer ARP.
    await lan.sh('ip addr add 10.20.0.5/16 dev dev0; ip -6 addr add fd12::5/64 dev dev0 nodad');
    const bound = 'ping -c 1 -W 1 -I lan0 10.20.0.5; ping -c 1 -W 1 -I lan0 fd12::5; true';

    await dev.sh(bound);
    expect(await seen()).toBe(0);

    await dev.sh(`nft delete table inet culvert; ${bound}`);
    expect(await seen()).toBe(2);
  });

  test('what a guest behind this computer sends is refused as well', async () => {
    const guest = await guestBehind();
    try {
      // The cable is there a moment after it was plugged in.
      await eventually(() => guest.sh('ping -c 1 -W 1 172.31.0.1'));
      await guest.try('ping -c 1 -W 1 10.20.0.5');
      expect(await seen()).toBe(1);
      await reach('reconnecting');
      await dev.sh('ip route flush table 5182');

      await guest.try('ping -c 1 -W 1 10.20.0.5');

      expect(await seen()).toBe(1);
    } finally {
      await guest.remove();
    }
  });

  test('while plans come and go under a steady stream of packets, not one leaks', async () => {
    const other = plan({
      ranges: ['10.20.0.0/17', 'fd12::/64', '10.30.0.0/16'],
      exclude: ['10.20.9.0/24'],
    });
    await network.connect(wanted);
    const sending = dev.sh(`end=$((SECONDS + 6)); while [ $SECONDS -lt $end ]; do
      for address in ${PRIVATE.join(' ')}; do echo canary > /dev/udp/$address/53; done; done 2> /dev/null; true`);
    for (let round = 0; round < 8; round++) {
      await network.connect(other);
      await removeTunnelDevice(dev);
      await network.protect(wanted);
      await addTunnelDevice(dev);
      await network.connect(wanted);
      await network.disconnect();
    }
    await sending;

    expect(await seen()).toBe(0);
    await dev.sh(
      'nft delete table inet culvert; ip rule del priority 5182; echo canary > /dev/udp/10.20.0.5/53',
    );
    expect(await seen()).toBe(1);
  });

  test('a connection from before the tunnel ends at once instead of stalling or going on in clear', async () => {
    await lan.sh('ip addr add 10.20.0.5/32 dev lo');
    await dev.sh('ip route add 10.20.0.5/32 via 172.30.0.1');
    const server = lan.spawn(process.execPath, [
      '-e',
      'net.createServer((c) => c.pipe(c)).listen(9000, () => console.log(1))',
    ]);
    try {
      await once(server.stdout as Readable, 'data');
      const client = dev.spawn(process.execPath, ['-e', CHATTER]);
      const exit = once(client, 'exit');
      const [first] = await once(client.stdout as Readable, 'data');
      expect(String(first)).toContain('heard');

      await network.connect(wanted);
      const earlier = await seen();

      expect(await exit).toEqual([7, null]);
      expect((await seen()) - earlier).toBe(0);
    } finally {
      server.kill('SIGKILL');
    }
  });

  test('a device that is given another address may send from it, and from the old one no more', async () => {
    await network.connect(wanted);

    const addresses = { ipv4: '100.96.0.6', ipv6: 'fd00:c0de:1::6' };
    await network.connect(plan({ ranges: RANGES, addresses }));

    const table = await dev.sh('nft list table inet culvert');
    for (const address of Object.values(addresses)) expect(table).toContain(address);
    for (const address of [OWN_IPV4, OWN_IPV6]) expect(table).not.toContain(address);
  });

  test('a flushed firewall is noticed', async () => {
    await reach('connected');
    expect(await network.isProtected()).toBe(true);
    const touched = Promise.withResolvers<void>();
    const stop = network.watch({
      networkChanged: () => {},
      protectionTouched: () => touched.resolve(),
    });
    await untilWatched();
    await dev.sh('nft flush ruleset');

    await touched.promise;
    stop();

    expect(await network.isProtected()).toBe(false);
    await network.protect(wanted);
    expect(await network.isProtected()).toBe(true);
  });
});

test('only a network that differs is told, and our own changes never are', async () => {
  let told = 0;
  const stop = network.watch({ networkChanged: () => told++, protectionTouched: () => {} });
  await untilWatched();

  await network.connect(wanted);
  await network.release();
  await dev.sh('ip addr add 172.30.9.9/32 dev lan0; ip addr del 172.30.9.9/32 dev lan0');
  await pause(600);
  expect(told).toBe(0);

  await dev.sh('ip route replace default via 172.30.0.9');
  await expect.poll(() => told).toBe(1);
  stop();
});

describe('the address inside the tunnel', () => {
  /** What comes back within a second of asking, however long a busy machine takes for the program. */
  const ask = (address: string) =>
    lan.try(`nc -z -v -w 1 ${address} 81`).then(({ stderr }) => stderr);

  test('does not answer the local network (CVE-2019-14899), which reverse path filtering would not stop', async () => {
    await reach('connected');
    await lan.sh(
      'ip route add 100.96.0.5 via 172.30.0.2; ip -6 route add fd00:c0de:1::5 via fd30::2',
    );

    expect(await ask('100.96.0.5')).not.toContain('refused');
    expect(await ask('fd00:c0de:1::5')).not.toContain('refused');
    expect(await ask('172.30.0.2')).toContain('refused');

    await dev.sh('nft delete table inet culvert; echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter');
    expect(await ask('100.96.0.5')).toContain('refused');
    expect(await ask('fd00:c0de:1::5')).toContain('refused');
  });

  test('is not found by ARP', async () => {
    const neighbour = async (address: string) => {
      await lan.try(`ip neigh flush all; ping -c 1 -W 1 ${address}`);
      return await lan.sh(`ip neigh show to ${address}`);
    };
    await lan.sh('ip route add 100.96.0.5 dev dev0');
    await reach('connected');

    expect(await neighbour('100.96.0.5')).not.toContain('lladdr');
    expect(await neighbour('172.30.0.2')).toContain('lladdr');

    await network.disconnect();
    await dev.sh('ip addr replace 100.96.0.5/32 dev culvert0');
    expect(await neighbour('100.96.0.5')).toContain('lladdr');
  });
});

/** Says something every 50 ms, and once that it heard an answer; leaves with 7 when the connection is reset. */
const CHATTER = `
const socket = net.connect(9000, '10.20.0.5');
socket.once('data', () => console.log('heard'));
socket.on('error', () => process.exit(7));
setInterval(() => socket.write('canary'), 50);
`;

async function reach(state: 'connecting' | 'connected' | 'reconnecting'): Promise<void> {
  if (state === 'connecting') {
    await removeTunnelDevice(dev);
    await network.protect(wanted);
    return;
  }
  await network.connect(wanted);
  if (state === 'reconnecting') await removeTunnelDevice(dev);
}

async function inject(v4: string, v6: string): Promise<void> {
  await dev.sh(`ip route add ${v4} via 172.30.0.1; ip -6 route add ${v6} via fd30::1`);
}

/** What listens to the kernel's news is a program of its own, which has to be there first: in the groups that it listens to. */
async function untilWatched(): Promise<void> {
  const [routing, firewall] = ['0', '12'];
  await eventually(async () => {
    const sockets = (await dev.sh('cat /proc/net/netlink'))
      .split('\n')
      .map((line) => line.split(/\s+/));
    const watched = sockets.filter(([, , , groups = '']) => Number.parseInt(groups, 16) > 0);
    expect(watched.map(([, protocol]) => protocol)).toEqual(
      expect.arrayContaining([routing, firewall]),
    );
  });
}

async function claimRange(): Promise<void> {
  await dev.sh('ip addr add 10.20.0.7/16 dev lan0; ip -6 addr add fd12::7/64 dev lan0 nodad');
  await lan.sh('ip addr add 10.20.0.5/16 dev dev0; ip -6 addr add fd12::5/64 dev dev0 nodad');
}

/** Three canaries for each private address; answers how many packets the router saw for them. */
async function leaked(): Promise<number> {
  const earlier = await seen();
  await Promise.all(
    PRIVATE.map((address) =>
      dev.try(`echo canary > /dev/udp/${address}/53
        nc -z -w 1 ${address} 9
        ping -c 1 -W 1 ${address}`),
    ),
  );
  return (await seen()) - earlier;
}

async function seen(): Promise<number> {
  const { nftables } = JSON.parse(await lan.sh('nft -j list counters')) as {
    nftables: { counter?: { packets: number } }[];
  };
  return nftables.find(({ counter }) => counter)?.counter?.packets ?? 0;
}

async function guestBehind(): Promise<Namespace> {
  const guest = await Namespace.create('guest');
  await dev.sh(`ip link add guest0 type veth peer name eth0 netns ${guest.name}
    ip link set guest0 up; ip addr add 172.31.0.1/24 dev guest0; echo 1 > /proc/sys/net/ipv4/ip_forward`);
  await guest.sh(
    'ip link set eth0 up; ip addr add 172.31.0.2/24 dev eth0; ip route add default via 172.31.0.1',
  );
  return guest;
}
