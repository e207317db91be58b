/** Every refusal of the HTTP API has this body (RFC 9457's shape, with a stable code in place of a type URL). */
import { z } from 'zod';
import { Said } from './said.ts';

export const ProblemBody = z.object({
  code: z.string().max(64),
  /** One sentence that says what is and what to do. */
  message: z.string().max(1000),
  /** Where a field is at fault: its JSON path. */
  field: z.string().max(200).optional(),
  /** Where the code is one of `sentences/`: what fills the blanks, for a reader of another language. */
  detail: Said.shape.detail.optional(),
});
export type ProblemBody = z.infer<typeof ProblemBody>;
