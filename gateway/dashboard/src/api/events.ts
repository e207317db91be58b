/** Follows the gateway's change events, so that a page shows what is without being asked to. */
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Change } from '../../../contract/admin-api.ts';
import { refresh } from './queries.ts';

/** Reading again takes about a tenth of the time, however many devices come and go. */
const REST_PER_WORK = 9;
const LONGEST_REST_MS = 3_000;
const RETRY_MS = 2_000;

/** Since when the gateway has not been heard of; undefined while it is. */
export function useChangeEvents(): number | undefined {
  const client = useQueryClient();
  const [lostAt, setLostAt] = useState<number>();
  useEffect(() => {
    const reader = new Reader(client);
    const feed = follow({
      onChange: (topics) => reader.read(topics),
      onOpen: () => setLostAt(undefined),
      onLost: () => {
        setLostAt((since) => since ?? Date.now());
        // The session may be what ended: then this asks for a new sign-in.
        void client.invalidateQueries({ queryKey: ['session'] });
      },
    });
    return () => {
      feed.close();
      reader.stop();
    };
  }, [client]);
  return lostAt;
}

interface FeedListener {
  onChange: (topics: readonly string[]) => void;
  onOpen: () => void;
  onLost: () => void;
}

/** Each time it connects, the gateway names everything once, so that nothing missed stays missed. */
function follow(listener: FeedListener): { close: () => void } {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource('/v1/admin/events');
    source.addEventListener('open', listener.onOpen);
    source.addEventListener('change', (event) => {
      const change = Change.safeParse(JSON.parse(event.data as string));
      if (change.success) listener.onChange(change.data.topics);
    });
    source.addEventListener('error', () => {
      listener.onLost();
      // A browser tries again by itself after a lost connection, but not after an answer that is none (a proxy's 502).
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, RETRY_MS);
    });
  };
  open();
  return {
    close: () => {
      clearTimeout(timer);
      source.close();
    },
  };
}

/** Collects what changed while it reads, then rests in proportion to what reading cost. */
class Reader {
  readonly #client: QueryClient;
  readonly #topics = new Set<string>();
  #isBusy = false;
  #isStopped = false;

  constructor(client: QueryClient) {
    this.#client = client;
  }

  read(topics: readonly string[]): void {
    for (const topic of topics) this.#topics.add(topic);
    if (!this.#isBusy) void this.#work();
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    while (this.#topics.size > 0 && !this.#isStopped) {
      const topics = [...this.#topics];
      this.#topics.clear();
      const startedAt = performance.now();
      await refresh(this.#client, topics);
      const workMs = performance.now() - startedAt;
      await new Promise((resolve) =>
        setTimeout(resolve, Math.min(LONGEST_REST_MS, REST_PER_WORK * workMs)),
      );
    }
    this.#isBusy = false;
  }
}
