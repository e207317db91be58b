/** A program in the foreground: told to end, it gets the time to take away what it made. */
import { spawn } from 'node:child_process';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs it to its end and hands on what we are told meanwhile.
 * @param {string[]} argv
 * @param {import('node:child_process').SpawnOptions} options
 * @param {(child: import('node:child_process').ChildProcess) => void} [started]
 * @returns {Promise<{ code: number, isInterrupted: boolean }>} 127 when there is no such program
 */
export async function runInForeground(argv, options, started) {
  const child = spawn(argv[0], argv.slice(1), options);
  let isInterrupted = false;
  const handOn = (signal) => {
    isInterrupted = true;
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, handOn);
  started?.(child);
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(error.message);
      resolve(127);
    });
    child.once('close', (status) => resolve(status ?? 1));
  });
  for (const signal of signals) process.off(signal, handOn);
  return { code, isInterrupted };
}
