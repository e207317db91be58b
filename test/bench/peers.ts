/**
 * The other user-space WireGuards, fetched from their registries into `.cache/bench` at pinned versions where the tool that builds them is
 * there. What cannot be had is named, with the reason; the run goes on without it.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { finish } from '../lab/command.ts';
import { repository } from '../lab/host.ts';
import type { Contender } from './engines.ts';

const place = path.join(repository, '.cache/bench/bin');
/** The same folder as a lab host sees it. */
const inHost = '/opt/culvert/.cache/bench/bin';

interface Peer {
  contender: Contender;
  binary: string;
  install: string[];
  env: Record<string, string>;
}

const go = (name: string, binary: string, module: string): Peer => ({
  contender: {
    name,
    interfaceArgv: (device) => [`${inHost}/${binary}`, '-f', device],
    env: { LOG_LEVEL: 'error' },
  },
  binary,
  install: ['go', 'install', module],
  env: { GOBIN: place },
});

const cargo = (name: string, binary: string, crate: string, flags: string[]): Peer => ({
  contender: {
    name,
    interfaceArgv: (device) => [`${inHost}/${binary}`, '--foreground', ...flags, device],
  },
  binary,
  install: ['cargo', 'install', '--quiet', '--locked', '--root', path.dirname(place), crate],
  env: {},
});

const peers: Peer[] = [
  go(
    'tailscale’s wireguard-go',
    'wireguard-go',
    'github.com/tailscale/wireguard-go@v0.0.0-20260928213032-417aef361226',
  ),
  go('wireguard-go', 'wireguard', 'golang.zx2c4.com/wireguard@v0.0.0-20260522210424-ecfc5a8d5446'),
  cargo('gotatun', 'gotatun', 'gotatun-cli@0.10.2', ['--disable-drop-privileges']),
  cargo('boringtun', 'boringtun-cli', 'boringtun-cli@0.7.1', ['--disable-drop-privileges']),
];

/** Those that are there or can be built; `say` hears about the rest. */
export async function fetchPeers(say: (sentence: string) => void): Promise<Contender[]> {
  const ready: Contender[] = [];
  for (const peer of peers) {
    if (!existsSync(path.join(place, peer.binary))) {
      say(`building ${peer.contender.name} (${peer.install.at(-1)})`);
      const built = await build(peer);
      if (built !== undefined) {
        say(`without ${peer.contender.name}: ${built}`);
        continue;
      }
    }
    ready.push(peer.contender);
  }
  return ready;
}

/** Undefined when it worked, else the reason. */
async function build(peer: Peer): Promise<string | undefined> {
  const environment = { ...process.env, ...peer.env } as Record<string, string>;
  try {
    const { code, stderr } = await finish(peer.install, { env: environment, timeoutMs: 900_000 });
    return code === 0 ? undefined : stderr.trim().split('\n').slice(-2).join(' ');
  } catch (cause) {
    return (cause as Error).message;
  }
}
