/** Other people's WireGuards, each as one knows how to start it. Those that no package has are built once, into `.cache`. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { untilThere } from '../bench/engines.ts';
import type { Service } from '../lab/command.ts';
import { type Host, repository } from '../lab/host.ts';

export interface Opponent {
  name: string;
  /** Makes an interface of that name. In the kernel nothing runs for it. */
  start(host: Host, interfaceName: string): Promise<Service | undefined>;
  /** Builds it where it is missing; says what it did. */
  prepare?: () => void;
}

export const culvert = program('culvert', (name) => [
  '/opt/culvert/native/target/release/culvert-engine',
  'device',
  name,
]);

const BUILT = '.cache/interop';

export const opponents: Record<string, Opponent> = {
  'wireguard-go': program('wireguard-go', (name) => ['wireguard-go', '-f', name]),
  gotatun: {
    ...program('gotatun', (name) => [
      `/opt/culvert/${BUILT}/bin/gotatun`,
      '-f',
      '--disable-drop-privileges',
      name,
    ]),
    prepare: () =>
      install('gotatun', ['gotatun-cli@0.10.2', '--no-default-features', '--features', 'ring']),
  },
  boringtun: {
    ...program('boringtun', (name) => [
      `/opt/culvert/${BUILT}/bin/boringtun-cli`,
      '-f',
      '--disable-drop-privileges',
      name,
    ]),
    prepare: () => install('boringtun-cli', ['boringtun-cli@0.7.1']),
  },
  kernel: {
    name: 'kernel',
    start: async (host, interfaceName) => {
      await host.run(['ip', 'link', 'add', interfaceName, 'type', 'wireguard']);
      return undefined;
    },
  },
};

function program(name: string, argv: (interfaceName: string) => string[]): Opponent {
  return {
    name,
    start: async (host, interfaceName) => {
      const env = { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' };
      const service = host.start(`${name} ${interfaceName}`, argv(interfaceName), { env });
      await untilThere(host, service, `/var/run/wireguard/${interfaceName}.sock`);
      return service;
    },
  };
}

/** As its authors locked it, and not a part of this project's own dependencies. */
function install(binary: string, what: string[]): void {
  if (existsSync(`${repository}/${BUILT}/bin/${binary}`)) return;
  console.log(`building ${what[0]} (once)`);
  const argv = ['install', '--locked', '--root', BUILT, '--target-dir', `${BUILT}/target`, ...what];
  const { status } = spawnSync('cargo', argv, { cwd: repository, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${what[0]} could not be built: see above`);
}
