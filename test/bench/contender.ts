/** An engine that is compared, as one knows how to start it. */
export type Contender = Ours | Other;

/** Ours, in whichever variant. */
export interface Ours extends Common {
  isOurs: true;
  isKernel: false;
  /** As a lab host sees it, for roles that the others do not have. */
  engine: string;
}

export interface Other extends Common {
  isOurs: false;
  /** In the kernel nothing runs for it, and there is no UAPI socket. */
  isKernel: boolean;
  /** For `--peers`. */
  id: string;
}

interface Common {
  name: string;
  /** Starts in the foreground with an interface of that name and a UAPI socket; in the kernel, makes the interface and ends. */
  interfaceArgv(name: string): string[];
  env: Record<string, string>;
  /** How it forwards to hosts behind a connector. */
  connector: 'root' | 'user-space';
}

export const ENGINE = '/opt/culvert/native/target/release/culvert-engine';

export const culvert = ours('culvert', ENGINE);

export const culvertWithoutRoot: Ours = {
  ...culvert,
  name: 'culvert, no root',
  connector: 'user-space',
};

export function ours(name: string, engine: string): Ours {
  return {
    name,
    isOurs: true,
    isKernel: false,
    engine,
    interfaceArgv: (device) => [engine, 'device', device],
    env: {},
    connector: 'root',
  };
}

export function other(
  id: string,
  name: string,
  interfaceArgv: (name: string) => string[],
  env: Record<string, string> = {},
): Other {
  return { id, name, isOurs: false, isKernel: false, interfaceArgv, env, connector: 'root' };
}

export const debianWireGuardGo = other(
  'debian',
  'wireguard-go (Debian)',
  (name) => ['wireguard-go', '-f', name],
  { LOG_LEVEL: 'error', WG_PROCESS_FOREGROUND: '1' },
);

export const kernelWireGuard: Other = {
  ...other('kernel', 'kernel', (name) => ['ip', 'link', 'add', name, 'type', 'wireguard']),
  isKernel: true,
};

/** The same on some cores only. */
export function pinned(contender: Contender, cores: string): Contender {
  return {
    ...contender,
    interfaceArgv: (name) => ['taskset', '--cpu-list', cores, ...contender.interfaceArgv(name)],
  };
}
