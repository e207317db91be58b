/** The arguments and the output of `wg`, which speaks netlink for us. */
import type { DeviceSettings, TunnelPeer } from './backend.ts';

export interface Dump {
  publicKey: string | null;
  peers: DumpPeer[];
}

export interface DumpPeer {
  publicKey: string;
  endpoint: string | null;
  /** Unix milliseconds. */
  lastHandshakeAt: number | null;
  rxBytes: number;
  txBytes: number;
}

/** The private key is read from standard input. A key that is set again as it was ends no session in the kernel. */
export function settingsArguments(device: string, { mark }: DeviceSettings): string[] {
  return ['set', device, 'fwmark', `0x${mark.toString(16)}`, 'private-key', '/dev/stdin'];
}

/**
 * For `wg syncconf IFNAME /dev/stdin`, which keeps the session of a peer that stays and takes out all others. Ten thousand
 * ranges would not fit into an argument.
 */
export function renderConfiguration(settings: DeviceSettings, peer: TunnelPeer): string {
  const lines = [
    '[Interface]',
    `PrivateKey = ${settings.privateKey}`,
    `FwMark = 0x${settings.mark.toString(16)}`,
    '[Peer]',
    `PublicKey = ${peer.publicKey}`,
    `Endpoint = ${peer.endpoint}`,
    `PersistentKeepalive = ${peer.keepaliveSeconds}`,
    ...peer.allowedIps.map((range) => `AllowedIPs = ${range}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** `wg show IFNAME dump`: tab-separated, the interface first. */
export function parseDump(text: string): Dump {
  const [device = [], ...peers] = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  return {
    publicKey: present(device[1]),
    peers: peers.map(
      ([publicKey = '', _presharedKey, endpoint, _allowedIps, handshake, rxBytes, txBytes]) => ({
        publicKey,
        endpoint: present(endpoint),
        lastHandshakeAt: Number(handshake) > 0 ? Number(handshake) * 1000 : null,
        rxBytes: Number(rxBytes),
        txBytes: Number(txBytes),
      }),
    ),
  };
}

function present(field: string | undefined): string | null {
  return field === undefined || field === '(none)' ? null : field;
}
