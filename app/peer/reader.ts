/** Whether anybody still reads what we print: who writes seldom would find out only with the next line. */
import { loadAddon } from './addon.ts';

let addon: ReturnType<typeof loadAddon> | undefined;

/** False once the reader of a pipe went away. A file or a terminal is always read, and so is what nobody can ask about. */
export function hasReader(descriptor: number): boolean {
  addon ??= loadAddon();
  return addon?.isUnread?.(descriptor) !== true;
}
