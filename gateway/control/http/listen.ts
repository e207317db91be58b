/** Finds out which port can be had, before anything is built that names it. */
import { createServer } from 'node:net';
import { HTTPS_PORT_WITHOUT_RIGHTS } from '../../contract/constants.ts';
import { engineFolder, isPortOfAnother } from '../../dataplane/udp-port.ts';
import { type Configuration, portIn } from './configuration.ts';
import { Fault } from './fault.ts';

export interface Address {
  host: string;
  port: number;
}

/** The first of the wanted addresses that can be had. */
export async function chooseAddress(configuration: Configuration): Promise<Address> {
  const wanted = candidates(configuration);
  for (const [index, address] of wanted.entries()) {
    const problem = await tryAddress(address);
    if (problem === undefined) return address;
    const isLast = index === wanted.length - 1;
    // A taken port is for a person to solve: another one would be found by nobody.
    if (isLast || !TRY_NEXT.has(problem)) throw portFault(address.host, address.port, problem);
  }
  throw new Error('no address was wanted');
}

const TRY_NEXT = new Set(['EACCES', 'EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** 443 needs a right that many users lack, and some machines have no IPv6; what somebody chose stays. */
function candidates({ listen, isHostChosen, isPortChosen }: Configuration): Address[] {
  const hosts = isHostChosen ? [listen.host] : [listen.host, '0.0.0.0'];
  const ports = isPortChosen ? [listen.port] : [listen.port, HTTPS_PORT_WITHOUT_RIGHTS];
  return ports.flatMap((port) => hosts.map((host) => ({ host, port })));
}

export function portFault(host: string, port: number, problem: string): Fault {
  const sentences: Record<string, string> = {
    EADDRINUSE: `Port ${port} is taken by another program. Stop it, or choose another port with --port.`,
    EACCES: `This user may not listen at port ${port}. Name one above 1023 in --public-url (https://HOST:${HTTPS_PORT_WITHOUT_RIGHTS}), or choose it with --port and have port ${port} passed on to it.`,
    EADDRNOTAVAIL: `This machine has no address ${host}. Choose another with --host.`,
  };
  return new Fault(
    'port',
    sentences[problem] ?? `The gateway cannot listen at ${host}, port ${port}: ${problem}.`,
  );
}

/** What to do where the address that others use does not lead to where the gateway listens; undefined where it does. */
export function portNote({ listen, publicUrl }: Configuration): string | undefined {
  const outside = portIn(publicUrl);
  if (outside === listen.port) return undefined;
  return `It listens at port ${listen.port}, but ${publicUrl} leads to port ${outside}: have your router or proxy pass that on, TLS included.`;
}

/** The engine's port, which it opens only once the control plane runs. */
export async function assertUdpPort({ wireguardPort, data }: Configuration): Promise<void> {
  if (!(await isPortOfAnother(wireguardPort, engineFolder(data)))) return;
  throw new Fault(
    'port',
    `UDP port ${wireguardPort} is taken by another program. Stop it, or choose another port with --wireguard-port.`,
  );
}

function tryAddress({ host, port }: Address): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}
