/** The gateway of the world: an ordinary user without rights, its data in one directory, set up without a person. */
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import { GATEWAY_URL, PROVIDER_ISSUER, people, type RunningProvider } from './provider.ts';
import { GATEWAY_ADDRESS, GATEWAY_PORT } from './topology.ts';

export const GATEWAY_USER = 'culvert-gateway';

export interface RunningGateway {
  service: Service;
  /** What people paste into the app. */
  joinLink: string;
}

export async function startGateway(host: Host, provider: RunningProvider): Promise<RunningGateway> {
  await host.write('/etc/culvert/provider.pem', provider.certificate);
  // `wg show` looks for sockets here; an operator's package would make the directory the same way.
  await host.sh(
    `install -d -o ${GATEWAY_USER} -g ${GATEWAY_USER} -m 755 /var/lib/culvert-gateway /run/wireguard`,
  );
  const service = await launchGateway(host, provider);
  const [, joinLink = ''] = await service.waitFor(/(https:\/\/\S+\/join#\S+)/);
  return { service, joinLink };
}

/** Starts it on the data that is there; also how a test restarts it. */
export async function launchGateway(
  host: Host,
  provider: RunningProvider,
  options: string[] = [],
): Promise<Service> {
  const service = beginGateway(host, provider, options);
  await service.waitFor(/Culvert gateway at/);
  return service;
}

/** Without waiting for what becomes of it. */
export function beginGateway(
  host: Host,
  provider: RunningProvider,
  options: string[] = [],
): Service {
  return host.start(
    'gateway',
    [
      '/opt/culvert/gateway/bin/culvert-gateway',
      '--data',
      '/var/lib/culvert-gateway/data',
      '--port',
      String(GATEWAY_PORT),
      '--public-url',
      GATEWAY_URL,
      '--endpoint',
      `${GATEWAY_ADDRESS}:51820`,
      '--organisation',
      'Example Inc.',
      '--owner',
      people.olivia.email,
      '--provider-issuer',
      PROVIDER_ISSUER,
      '--provider-client-id',
      provider.clientId,
      ...options,
    ],
    {
      user: GATEWAY_USER,
      env: {
        CULVERT_PROVIDER_CLIENT_SECRET: provider.clientSecret,
        NODE_EXTRA_CA_CERTS: '/etc/culvert/provider.pem',
      },
    },
  );
}
