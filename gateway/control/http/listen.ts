/** Finds out which port can be had, before anything is built that names it. */
import { createServer } from 'node:net';
import { HTTPS_PORT_WITHOUT_RIGHTS } from '../../contract/constants.ts';
import type { Configuration } from './configuration.ts';
import { Fault } from './fault.ts';

/** 443 needs a right that many users lack; then it is 8443, unless somebody chose the port. */
export async function choosePort(configuration: Configuration): Promise<number> {
  const { host, port } = configuration.listen;
  const problem = await tryPort(host, port);
  if (problem === undefined) return port;
  if (problem !== 'EACCES' || configuration.isPortChosen) throw portFault(host, port, problem);
  const second = await tryPort(host, HTTPS_PORT_WITHOUT_RIGHTS);
  if (second === undefined) return HTTPS_PORT_WITHOUT_RIGHTS;
  throw portFault(host, HTTPS_PORT_WITHOUT_RIGHTS, second);
}

export function portFault(host: string, port: number, problem: string): Fault {
  const sentences: Record<string, string> = {
    EADDRINUSE: `Port ${port} is taken by another program. Stop it, or choose another port with --port.`,
    EACCES: `This user may not listen at port ${port}. Choose one above 1023 with --port.`,
    EADDRNOTAVAIL: `This machine has no address ${host}. Choose another with --host.`,
  };
  return new Fault(
    'port',
    sentences[problem] ?? `The gateway cannot listen at ${host}, port ${port}: ${problem}.`,
  );
}

function tryPort(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}
