/** Runs the real command line as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CULVERT = fileURLToPath(new URL('../../app/bin/culvert', import.meta.url));

export interface Ran {
  code: number | null;
  out: string;
  err: string;
}

export interface Running {
  child: ChildProcess;
  /** Resolves once stdout has matched. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  ended: Promise<Ran>;
}

export function culvert(
  socket: string,
  args: readonly string[],
  environment: object = {},
): Promise<Ran> {
  return startCulvert(socket, args, environment).ended;
}

export function startCulvert(
  socket: string,
  args: readonly string[],
  environment: object = {},
): Running {
  const env = { PATH: process.env.PATH, LANG: 'C', CULVERT_SOCKET: socket, ...environment };
  const child = spawn(CULVERT, [...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  const ran: Ran = { code: null, out: '', err: '' };
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ran.out += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ran.err += text;
  });
  const ended = new Promise<Ran>((resolve) => {
    child.once('close', (code) => {
      ran.code = code;
      resolve(ran);
      for (const listener of listeners) listener();
    });
  });
  const says = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(ran.out);
        if (found) resolve(found);
        else if (ran.code !== null)
          reject(new Error(`it ended (${ran.code}): ${ran.out}${ran.err}`));
      };
      listeners.add(look);
      look();
    });
  return { child, says, ended };
}
