/** An engine that is compared, as one knows how to start it. */
export interface Contender {
  name: string;
  /** Ours, in whichever variant. */
  isOurs: boolean;
  /** In the kernel nothing runs for it, and there is no UAPI socket. */
  isKernel: boolean;
  /** Starts in the foreground with an interface of that name and a UAPI socket; in the kernel, makes the interface and ends. */
  interfaceArgv(name: string): string[];
  env: Record<string, string>;
  /** How it forwards to hosts behind a connector. */
  connector: 'root' | 'user-space';
}

export const ENGINE = '/opt/culvert/native/target/release/culvert-engine';

export const culvert: Contender = {
  name: 'culvert',
  isOurs: true,
  isKernel: false,
  interfaceArgv: (name) => [ENGINE, 'device', name],
  env: {},
  connector: 'root',
};

export const culvertWithoutRoot: Contender = {
  ...culvert,
  name: 'culvert, no root',
  connector: 'user-space',
};

export function other(
  name: string,
  interfaceArgv: (name: string) => string[],
  env: Record<string, string> = {},
): Contender {
  return { name, isOurs: false, isKernel: false, interfaceArgv, env, connector: 'root' };
}

export const debianWireGuardGo = other(
  'wireguard-go (Debian)',
  (name) => ['wireguard-go', '-f', name],
  { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' },
);

export const kernelWireGuard: Contender = {
  ...other('kernel', (name) => ['ip', 'link', 'add', name, 'type', 'wireguard']),
  isKernel: true,
};

/** The same on some cores only. */
export function pinned(contender: Contender, cores: string): Contender {
  return {
    ...contender,
    interfaceArgv: (name) => ['taskset', '--cpu-list', cores, ...contender.interfaceArgv(name)],
  };
}
