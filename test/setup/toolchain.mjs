/** Compilers and packages: Rust is checked, npm packages (Node 24 among them) are installed as the lockfile says. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Refusal, runLogged } from './phases.mjs';
import { root } from './places.mjs';
import { hashOf } from './stamp.mjs';

const oldestRust = [1, 95];

export async function ensureRust() {
  const said = spawnSync('rustc', ['--version'], { encoding: 'utf8' });
  const version = /^rustc (\d+)\.(\d+)\.\d+/.exec(said.stdout ?? '');
  const wanted = oldestRust.join('.');
  const how =
    'Install it from https://rustup.rs, or with `rustup update stable` where rustup is there.';
  if (!version)
    throw new Refusal(
      `The engine is written in Rust, and there is no rustc here. It needs ${wanted} or newer. ${how}`,
    );
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < oldestRust[0] || (major === oldestRust[0] && minor < oldestRust[1])) {
    throw new Refusal(
      `The engine needs Rust ${wanted} or newer; this is ${major}.${minor}. ${how}`,
    );
  }
  return `${major}.${minor}`;
}

export async function ensureModules() {
  const stamp = path.join(root, 'node_modules/.culvert-lockfile');
  const wanted = hashOf([path.join(root, 'package-lock.json'), path.join(root, 'package.json')]);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return 'unchanged';
  // npm sets variables for scripts that would steer the nested run.
  const env = Object.fromEntries(
    Object.keys(process.env)
      .filter((key) => /^npm_(config_|lifecycle|package)/.test(key))
      .map((key) => [key, undefined]),
  );
  await runLogged('npm-ci', ['npm', 'ci', '--no-audit', '--no-fund'], { env });
  writeFileSync(stamp, wanted);
  return 'installed';
}
