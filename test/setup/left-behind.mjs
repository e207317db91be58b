/**
 * What a run leaves behind on the machine. Its temporary files are in a folder of its own; of everything else only what has our
 * names counts, and of what another run has at the same time only what nobody holds any more.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Made by the tools that run us, for their next start. */
const caches = ['node-compile-cache', 'jiti'];
/** What was told to end just now may still be about it. */
const patienceMs = 3_000;

/**
 * @param {string} name of the command
 * @returns {{ env: { TMPDIR: string, CULVERT_RUN: string }, end: () => Promise<string[]> }}
 */
export function watchRun(name) {
  const folder = mkdtempSync(path.join(tmpdir(), `culvert-${name}-`));
  // Programs of other users have files there too.
  chmodSync(folder, 0o1777);
  const before = new Set(lookAround());
  const look = () => [
    ...readdirSync(folder)
      .filter((entry) => !caches.includes(entry))
      .map((entry) => `file ${path.join(folder, entry)}`),
    ...processesOf(folder),
    ...lookAround().filter((thing) => !before.has(thing)),
  ];
  return {
    env: { TMPDIR: folder, CULVERT_RUN: folder },
    end: async () => {
      const deadline = Date.now() + patienceMs;
      while (look().length > 0 && Date.now() < deadline) await pause(100);
      const left = look();
      rmSync(folder, { recursive: true, force: true });
      return left;
    },
  };
}

/** Whatever has this folder in its environment or its arguments; lab hosts hand it on to their first process. */
function processesOf(folder) {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.flatMap((pid) => {
    const command = textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    const isOurs = command.includes(folder) || textOf(`/proc/${pid}/environ`).includes(folder);
    return isOurs && command !== '' ? [`process ${pid} ${command.slice(0, 200)}`] : [];
  });
}

function lookAround() {
  return [
    ...files('/run/netns', /^(culvert-net-[a-z]+-|cvh)\d+/).filter(unheld),
    ...lines('nftables', ['nft', 'list', 'tables'], /^table \S+ culvert/),
    ...['-4', '-6'].flatMap((family) => [
      ...lines(
        'route',
        ['ip', family, 'route', 'show', 'table', 'all'],
        /\btable 5182\b|\bdev culvert/,
      ),
      ...lines('rule', ['ip', family, 'rule'], /\blookup 5182\b|^5182:|\bfwmark 0x43/),
    ]),
    ...lines('link', ['ip', '-brief', 'link'], /^(culvert|cv[a-z]\d+x\d)/),
    ...files('/run', /^culvert/),
    ...files('/run/wireguard', /^(culvert|cv[a-z]\d+x\d)/).filter(unheld),
    ...['/etc', '/opt', '/var/lib', '/var/log', '/usr/local/bin', '/etc/systemd/system'].flatMap(
      (folder) => files(folder, /^culvert/),
    ),
    // What nstat remembers for its next call, unless it is told not to.
    ...files('/tmp', /^\.nstat\.u/),
  ];
}

/** The names that tests give say which process made the thing; while that lives, it is another run's. */
function unheld(found) {
  const maker = /(?:culvert-net-[a-z]+-|\bcv[a-z])(\d+)/.exec(found)?.[1];
  return maker === undefined || !existsSync(`/proc/${maker}`);
}

function files(folder, names) {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).filter((name) => names.test(name));
  return found.map((name) => `file ${path.join(folder, name)}`);
}

/** Nothing where the program is not there: then nobody has made any. */
function lines(kind, argv, pattern) {
  const said = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8' }).stdout ?? '';
  const found = said.split('\n').map((line) => line.trim());
  return found.filter((line) => pattern.test(line)).map((line) => `${kind} ${line}`);
}

/** A process may end while it is looked at, and a machine may keep one from us. */
function textOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
