/** Phases with progress: a line that moves on a terminal, a line at each end elsewhere. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import { cache, root } from './places.mjs';

/** Something a person has to do; the message says what. */
export class Refusal extends Error {}

/**
 * @typedef {{ title: string, run: (say: (text: string) => void) => Promise<string | void> }} Phase
 * @param {Phase[]} phases
 */
export async function runPhases(phases) {
  const live = process.stdout.isTTY === true && process.env.CI === undefined;
  for (const [index, phase] of phases.entries()) {
    const started = Date.now();
    const head = `[${index + 1}/${phases.length}] ${phase.title}`;
    let detail = '';
    const draw = () =>
      process.stdout.write(`\r\x1b[K${head} ${seconds(started)} ${detail.slice(0, 60)}`);
    const timer = live ? setInterval(draw, 500) : undefined;
    try {
      const outcome = await phase.run((text) => {
        detail = text;
        if (!live) console.log(`${head}: ${text}`);
      });
      clearInterval(timer);
      console.log(`${live ? '\r\x1b[K' : ''}${head}: ${outcome ?? 'ready'} (${seconds(started)})`);
    } catch (error) {
      clearInterval(timer);
      console.log(`${live ? '\r\x1b[K' : ''}${head}: failed (${seconds(started)})`);
      throw error;
    }
  }
}

function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`;
}

/** Runs a program with its output in a log file; a failure shows the end of it and where the rest is. */
export async function runLogged(name, argv, { env = {}, cwd = root, onLine } = {}) {
  mkdirSync(path.join(cache, 'logs'), { recursive: true });
  const logFile = path.join(cache, 'logs', `${name}.log`);
  const log = createWriteStream(logFile);
  const tail = [];
  const child = spawn(argv[0], argv.slice(1), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      log.write(chunk);
      for (const line of chunk
        .toString()
        .split(/[\r\n]+/)
        .filter(Boolean)) {
        tail.push(line);
        if (tail.length > 30) tail.shift();
        onLine?.(line);
      }
    });
  }
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      tail.push(error.message);
      resolve(127);
    });
    child.once('close', resolve);
  });
  log.end();
  if (code !== 0) {
    throw new Refusal(
      `${argv.join(' ')} failed (exit code ${code}):\n${tail.join('\n')}\nAll of it: ${path.relative(root, logFile)}`,
    );
  }
}
