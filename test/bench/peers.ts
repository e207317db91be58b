/**
 * The other WireGuards, fetched from their registries into `.cache/bench` at pinned versions where the tool that builds them is
 * there. What cannot be had is named, with the reason; the run goes on without it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { Host, repository } from '../lab/host.ts';
import {
  type Contender,
  debianWireGuardGo,
  kernelWireGuard,
  type Other,
  type Ours,
  other,
  ours,
} from './contender.ts';

const cache = path.join(repository, '.cache/bench');
const place = path.join(cache, 'bin');
/** The same folder as a lab host sees it. */
const inHost = '/opt/culvert/.cache/bench/bin';

interface Peer {
  contender: Other;
  binary: string;
  install: string[];
  env: Record<string, string>;
}

const go = (id: string, name: string, binary: string, module: string): Peer => ({
  contender: other(id, name, (device) => [`${inHost}/${binary}`, '-f', device], {
    LOG_LEVEL: 'error',
  }),
  binary,
  install: ['go', 'install', module],
  env: { GOBIN: place },
});

const cargo = (name: string, binary: string, crate: string): Peer => ({
  contender: other(name, name, (device) => [
    `${inHost}/${binary}`,
    '--foreground',
    '--disable-drop-privileges',
    device,
  ]),
  binary,
  install: ['cargo', 'install', '--quiet', '--locked', '--root', cache, crate],
  env: { CARGO_TARGET_DIR: path.join(cache, 'target') },
});

const peers: Peer[] = [
  go(
    'tailscale',
    'tailscale’s wireguard-go',
    'wireguard-go',
    'github.com/tailscale/wireguard-go@v0.0.0-20260928213032-417aef361226',
  ),
  go(
    'wireguard-go',
    'wireguard-go',
    'wireguard',
    'golang.zx2c4.com/wireguard@v0.0.0-20260522210424-ecfc5a8d5446',
  ),
  cargo('gotatun', 'gotatun', 'gotatun-cli@0.10.2'),
  cargo('boringtun', 'boringtun-cli', 'boringtun-cli@0.7.1'),
];

/** What `--peers` may name. */
export const peerIds = [
  ...peers.map(({ contender }) => contender.id),
  debianWireGuardGo.id,
  kernelWireGuard.id,
];

/** An engine of ours from elsewhere, where lab hosts see it. */
export async function bringBefore(engine: string): Promise<Ours> {
  if (!existsSync(engine)) throw new Error(`there is no ${engine} for --before`);
  await mkdir(place, { recursive: true });
  // A program that still runs can be removed, not written to.
  await rm(path.join(place, BEFORE), { force: true });
  await copyFile(engine, path.join(place, BEFORE));
  return ours('culvert before', `${inHost}/${BEFORE}`);
}

const BEFORE = 'culvert-before';

/** Those that are there or can be built, and are wanted; `say` hears about the rest. */
export async function fetchPeers(
  isWanted: (contender: Contender) => boolean,
  say: (sentence: string) => void,
): Promise<Contender[]> {
  const ready: Contender[] = [];
  for (const peer of peers.filter(({ contender }) => isWanted(contender))) {
    if (!existsSync(path.join(place, peer.binary))) {
      say(`building ${peer.contender.name} (${peer.install.at(-1)})`);
      const fault = await build(peer);
      if (fault !== undefined) {
        say(`without ${peer.contender.name}: ${fault}`);
        continue;
      }
    }
    ready.push(peer.contender);
  }
  return ready;
}

/** Undefined when it worked, else the reason. In our own process group, so that Ctrl-C on the terminal ends it too. */
function build(peer: Peer): Promise<string | undefined> {
  const [program = '', ...rest] = peer.install;
  const child = spawn(program, rest, {
    env: { ...process.env, ...peer.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const end = () => child.kill();
  process.once('exit', end);
  return new Promise((resolve) => {
    child.once('error', (cause) => resolve(cause.message));
    child.once('close', (code) => {
      process.off('exit', end);
      resolve(code === 0 ? undefined : said.trim().split('\n').slice(-2).join(' '));
    });
  });
}

/** Undefined where the kernel has WireGuard. */
export async function whyNoKernel(): Promise<string | undefined> {
  const host = await Host.start('probe', 'bare');
  try {
    const { code, stderr } = await host.try(kernelWireGuard.interfaceArgv('wg0'));
    return code === 0 ? undefined : `this kernel has none (${stderr.trim()})`;
  } finally {
    await host.stop();
  }
}
