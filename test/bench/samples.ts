/** What `perf report` says, gathered by what the time was spent for. */

export interface Sample {
  percent: number;
  isKernel: boolean;
  symbol: string;
}

export interface Share {
  group: string;
  percent: number;
  /** Of its samples. */
  largest: Sample;
}

/** Lines such as `  21.09%  [k] _copy_from_iter`. */
export function readSamples(report: string): Sample[] {
  return [...report.matchAll(/^\s*([\d.]+)%\s+\[([.k])\]\s+(.+?)\s*$/gm)].map(
    ([, percent, place, symbol = '']) => ({
      percent: Number(percent),
      isKernel: place === 'k',
      symbol,
    }),
  );
}

const inEngine: [group: string, symbols: RegExp][] = [
  ['AEAD of data', /culvert_aead|ring_core/],
  [
    'handshakes, macs, cookies',
    /blake2|curve25519|x25519|chacha20|poly1305|hashing|core_arch|cookie|\bmac::/i,
  ],
  ['checksums', /checksum/],
  ['copies in the engine', /mem(move|cpy|set)/],
  ['the NAT: flows and their sockets', /culvert_netstack|smoltcp/],
  ['the switch: flows, ranges, rules', /culvert_switch/],
  ['the tunnel: sessions, peers, timers', /culvert_core/],
];

const inKernel: [group: string, symbols: RegExp][] = [
  ['copies between kernel and engine', /copy_(from|to)_|check_(object|heap_object)|_copy_/],
  [
    'wake-ups and switches',
    /finish_task_switch|sched|try_to_wake|wake_up|ttwu|futex|poll|_raw_spin_unlock_irqrestore|exit_to_user_mode|def_readable|eventfd/,
  ],
  ['kernel memory', /alloc|free|slab|kmem|skb_release|page|folio/],
];

/** The largest first. The kernel's part holds what it does on the packet's further way, too, for veth delivers in the call. */
export function shares(samples: readonly Sample[]): Share[] {
  return gathered(samples.map((sample) => ({ group: groupOf(sample), sample })));
}

/** The largest group first. */
export function gathered(samples: readonly { group: string; sample: Sample }[]): Share[] {
  const found = new Map<string, Share>();
  for (const { group, sample } of samples) {
    const { percent, largest } = found.get(group) ?? { percent: 0, largest: sample };
    found.set(group, {
      group,
      percent: percent + sample.percent,
      largest: sample.percent > largest.percent ? sample : largest,
    });
  }
  return [...found.values()].sort((one, other) => other.percent - one.percent);
}

function groupOf({ isKernel, symbol }: Sample): string {
  const found = (isKernel ? inKernel : inEngine).find(([, symbols]) => symbols.test(symbol));
  return (
    found?.[0] ?? (isKernel ? 'kernel, UDP, IP, TUN, system calls' : 'the engine, everything else')
  );
}
