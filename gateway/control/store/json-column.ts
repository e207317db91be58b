/** JSON columns are text in the database and are checked on the way out. */
import type { z } from 'zod';
import { Fault } from '../http/fault.ts';
import type { Json } from './database.ts';

export function writeJson(value: unknown): Json {
  return JSON.stringify(value);
}

export function readJson<T>(schema: z.ZodType<T>, text: Json, column: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Fault(
      'store-damaged',
      `The database holds something unreadable in ${column}.`,
      cause,
    );
  }
}
