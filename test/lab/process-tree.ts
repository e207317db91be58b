/** Which process started which, as the kernel has it: seen from outside, through the walls of namespaces. */
import { readFile } from 'node:fs/promises';

/** None for a process that is gone. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

/** Children, their children, and so on. */
export async function processesBelow(pid: number): Promise<number[]> {
  const children = await childrenOf(pid);
  const below = await Promise.all(children.map(processesBelow));
  return [...children, ...below.flat()];
}

/** Name of its program, cut at 15 characters; empty for a process that is gone. */
export async function programOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
}
