/** What a connector last said of itself: the ranges it reaches, what it sees around itself, whether it can ping. */
import { z } from 'zod';
import type { StreamReply } from '../../contract/device-api.ts';

export type HealthReply = Extract<StreamReply, { type: 'health' }>;

const Stored = z.object({
  ranges: z.array(z.object({ cidr: z.string(), reachable: z.boolean() })),
  suggestions: z.array(z.string()),
  ping: z.enum(['works', 'needs-sysctl']),
});

export class ConnectorHealth {
  readonly unreachable: readonly string[];
  readonly suggestions: readonly string[];
  readonly reachesNothing: boolean;
  readonly canPing: boolean;

  private constructor(stored: z.infer<typeof Stored>) {
    this.unreachable = stored.ranges.filter(({ reachable }) => !reachable).map(({ cidr }) => cidr);
    this.suggestions = stored.suggestions;
    this.reachesNothing =
      stored.ranges.length > 0 && this.unreachable.length === stored.ranges.length;
    this.canPing = stored.ping === 'works';
  }

  /** From the column; a connector that has said nothing yet is believed to be fine. */
  static of(text: string | null): ConnectorHealth {
    const stored = text === null ? undefined : Stored.safeParse(JSON.parse(text)).data;
    return new ConnectorHealth(stored ?? { ranges: [], suggestions: [], ping: 'works' });
  }
}

export function healthColumn(reply: HealthReply): string {
  const { ranges, suggestions, ping } = reply;
  return JSON.stringify({ ranges, suggestions, ping });
}
