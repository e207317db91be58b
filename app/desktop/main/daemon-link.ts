/** What the app needs of culvertd: the calls of the local API, and its status as it changes. */

import type { z } from 'zod';
import type {
  LoginFinish,
  LoginStarted,
  Problem,
  Status,
  WhyAnswer,
  WhyRequest,
} from '../../contract/local-api.ts';

export interface DaemonLink {
  startLogin(link: string, redirectPort: number): Promise<z.infer<typeof LoginStarted>>;
  finishLogin(finish: z.infer<typeof LoginFinish>): Promise<Status>;
  cancelLogin(): Promise<Status>;
  up(): Promise<Status>;
  down(): Promise<Status>;
  logout(): Promise<Status>;
  why(request: z.infer<typeof WhyRequest>): Promise<WhyAnswer>;
  /** Calls back with each status, or with why there is none; keeps trying until the signal. */
  follow(
    listener: (status: Status | null, problem: Problem | null) => void,
    signal: AbortSignal,
  ): void;
}
