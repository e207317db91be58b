/** Programs that look into others, and the Debian packages that have them. */
import { finish } from '../lab/command.ts';

export interface Tool {
  program: string;
  debianPackage: string;
}

export const perf: Tool = { program: 'perf', debianPackage: 'linux-perf' };
export const strace: Tool = { program: 'strace', debianPackage: 'strace' };

/** Those that do not run here. */
export async function missingOf(tools: readonly Tool[]): Promise<Tool[]> {
  const runs = await Promise.all(tools.map(isHere));
  return tools.filter((_, nth) => !runs[nth]);
}

async function isHere({ program }: Tool): Promise<boolean> {
  return (await finish([program, '--version']).catch(() => undefined))?.code === 0;
}

export function missingText({ program, debianPackage }: Tool): string {
  return `${program} does not run here. On Debian: apt-get install ${debianPackage}`;
}
