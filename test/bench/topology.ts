/**
 *   T1   left ═══ right                                    point to point, both with a TUN
 *   T2   left ═══ hub ═══ right                            all in one overlay; the hub is what is compared
 *   T3   left ═══ hub ═══ right ── target                  as T2, and `right` forwards to a host behind it
 *
 *   ═══ tunnel over 198.51.100.0/24 (MTU 1500)   ── plain network 10.77.0.0/24
 */
import { Lab } from '../lab/lab.ts';
import type { Topology } from '../lab/topology.ts';

export const LEFT = { outer: '198.51.100.1', inner: '100.96.0.1' };
export const HUB = { outer: '198.51.100.254', inner: '100.96.0.254' };
export const RIGHT = {
  outer: '198.51.100.2',
  inner: '100.96.0.2',
  service: '10.88.0.2',
  behind: '10.77.0.1',
};
export const TARGET = '10.77.0.10';

const benchTopology: Topology = {
  segments: ['wan', 'lan'],
  hosts: {
    left: {
      holds: 'culvert',
      links: [{ name: 'eth0', segment: 'wan', addresses: [`${LEFT.outer}/24`] }],
    },
    hub: {
      holds: 'culvert',
      links: [{ name: 'eth0', segment: 'wan', addresses: [`${HUB.outer}/24`] }],
    },
    right: {
      holds: 'culvert',
      links: [
        { name: 'eth0', segment: 'wan', addresses: [`${RIGHT.outer}/24`] },
        { name: 'eth1', segment: 'lan', addresses: [`${RIGHT.behind}/24`] },
      ],
    },
    target: {
      holds: 'bare',
      links: [{ name: 'eth0', segment: 'lan', addresses: [`${TARGET}/24`] }],
      via: [RIGHT.behind],
    },
  },
};

/** Hosts for one run, gone when it ends. What went wrong in there comes with what everybody said. */
export async function inLab<T>(work: (lab: Lab) => Promise<T>): Promise<T> {
  await using lab = await Lab.build(benchTopology);
  try {
    await leaveBridgesAlone(lab);
    return await work(lab);
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\n${lab.logs}`, { cause });
  }
}

/** Where Docker or the like has loaded br_netfilter, every packet that crosses a bridge would go through the firewall's hooks. */
async function leaveBridgesAlone(lab: Lab): Promise<void> {
  await lab.fabric.sh(
    'for hook in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e "$hook" ] || echo 0 >"$hook"; done',
  );
}
