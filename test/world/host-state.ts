/** Everything of a host that Culvert may touch, as text: equal before and after means nothing is left behind. */

/** A lab host, or a bare network namespace. */
export interface Inspectable {
  /** A line for bash; gives what it printed. */
  sh(line: string): Promise<string>;
}

const commands = [
  'ip -4 route show table all',
  'ip -6 route show table all',
  'ip -4 rule',
  'ip -6 rule',
  'ip -brief link',
  'ip -brief address',
  'nft list ruleset',
  'grep . /proc/sys/net/ipv4/conf/*/{arp_ignore,rp_filter,src_valid_mark,forwarding}',
  'grep . /proc/sys/net/ipv6/conf/*/{disable_ipv6,forwarding}',
  'cat /etc/resolv.conf /etc/hosts 2>/dev/null',
];

export async function hostState(host: Inspectable): Promise<string> {
  const blocks = commands.map((command) => `echo '# ${command}'\n${command} || true`);
  return await host.sh(blocks.join('\n'));
}
