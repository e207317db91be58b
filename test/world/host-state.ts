/** Everything of a host that Culvert may touch, as text: equal before and after means nothing is left behind. */
import type { Host } from '../lab/host.ts';

const commands = [
  'ip -4 route show table all',
  'ip -6 route show table all',
  'ip -4 rule',
  'ip -6 rule',
  'ip -brief link',
  'ip -brief address',
  'nft list ruleset',
  'sysctl -a 2>/dev/null | grep -E "^net\\.(ipv4|ipv6)\\.conf\\.(all|default|wlan0|lo)\\.(arp_ignore|rp_filter|src_valid_mark|forwarding|disable_ipv6) "',
  'cat /etc/resolv.conf /etc/hosts 2>/dev/null',
];

export async function hostState(host: Host): Promise<string> {
  const script = commands
    .map((command) => `echo '# ${command.replaceAll("'", '')}'\n${command} || true`)
    .join('\n');
  return await host.run(['bash', '-c', script]);
}
