/** The line that a connector is installed with: told once by the gateway, kept nowhere but in this page, good for one machine. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ConnectorInstall, Network } from '../../../contract/admin-api.ts';
import { change } from './queries.ts';

interface InstallLine extends ConnectorInstall {
  /** Connectors that were there when it was made: a new one has used it up. */
  knownIds: string[];
}

const keyOf = (networkId: string) => ['install', networkId];

/** Undefined when none was made, or when a connector has joined with it. */
export function useInstallLine(network: Network): ConnectorInstall | undefined {
  const { data } = useQuery<InstallLine | null>({
    queryKey: keyOf(network.id),
    queryFn: () => null,
    initialData: null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const isUsed = network.connectors.some(({ id }) => !data?.knownIds.includes(id));
  return data && !isUsed ? data : undefined;
}

export function useMakeInstallLine() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (network: Network) => {
      const install = await change.connectorToken(network.id);
      const knownIds = network.connectors.map(({ id }) => id);
      client.setQueryData(keyOf(network.id), { ...install, knownIds } satisfies InstallLine);
    },
  });
}
