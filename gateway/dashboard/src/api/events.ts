/** Follows the gateway's change events, so that a page shows what is without being asked to. */
import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Change } from '../../../contract/admin-api.ts';
import { refresh } from './queries.ts';

export function useChangeEvents(): void {
  const client = useQueryClient();
  useEffect(() => {
    const source = new EventSource('/v1/admin/events');
    source.addEventListener('change', (event) => {
      const change = Change.safeParse(JSON.parse(event.data as string));
      if (change.success) void refresh(client, change.data.topics);
    });
    // The browser reconnects by itself; what was missed meanwhile is read again.
    source.addEventListener('open', () => void refresh(client));
    return () => source.close();
  }, [client]);
}
