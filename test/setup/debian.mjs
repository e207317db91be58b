/** Debian packages that set-up, the demo and the tests run: installed when missing, without starting a service. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Refusal, runLogged } from './phases.mjs';

const forSetup = { cc: 'build-essential' };
const forDemo = {
  ...forSetup,
  curl: 'curl',
  ip: 'iproute2',
  nft: 'nftables',
  ping: 'iputils-ping',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  sysctl: 'procps',
  wg: 'wireguard-tools',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  dig: 'dnsutils',
  dnsmasq: 'dnsmasq-base',
  nginx: 'nginx-light',
  tcpdump: 'tcpdump',
  chromium: 'chromium',
  nc: 'netcat-openbsd',
  useradd: 'passwd',
  capsh: 'libcap2-bin',
  sudo: 'sudo',
  openssl: 'openssl',
};
const forTests = {
  ...forDemo,
  'wireguard-go': 'wireguard-go',
  iperf3: 'iperf3',
  conntrack: 'conntrack',
  ethtool: 'ethtool',
  Xvfb: 'xvfb',
  xauth: 'xauth',
  unzip: 'unzip',
  flock: 'util-linux',
  trayer: 'trayer',
  xdotool: 'xdotool',
  nmap: 'nmap',
  traceroute: 'traceroute',
};
/** Shared libraries and fonts have no program to look for. */
const filesForTests = {
  '/usr/lib/x86_64-linux-gnu/libnss3.so': 'libnss3',
  '/usr/lib/x86_64-linux-gnu/libatk-bridge-2.0.so.0': 'libatk-bridge2.0-0',
  '/usr/lib/x86_64-linux-gnu/libgtk-3.so.0': 'libgtk-3-0',
  '/usr/lib/x86_64-linux-gnu/libgbm.so.1': 'libgbm1',
  '/usr/lib/x86_64-linux-gnu/libasound.so.2': 'libasound2',
  '/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc': 'fonts-noto-cjk',
};
const forBench = {
  ...forDemo,
  'wireguard-go': 'wireguard-go',
  iperf3: 'iperf3',
  ethtool: 'ethtool',
};
/** What `npm run bench` looks with where time goes. It says by itself what it goes without, and does the rest. */
const wantedForBench = { perf: 'linux-perf', strace: 'strace' };
const programsFor = { setup: forSetup, demo: forDemo, test: forTests, bench: forBench };

/**
 * Everything but set-up makes hosts, and so needs root.
 *
 * @param {'setup' | 'demo' | 'test' | 'bench'} purpose
 * @param {string} name of the npm script that was called
 */
export async function ensurePackages(purpose, name, say) {
  const missing = missingPackages(purpose);
  const wanted = name === 'bench' ? missingOf(wantedForBench) : [];
  const isRoot = process.getuid?.() === 0;
  if (missing.length > 0) {
    const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
    if (!isDebian())
      throw new Refusal(
        `These Debian packages, or what your system calls them, are missing:\n  ${missing.join(' ')}\nOn Debian or Ubuntu: sudo ${command}`,
      );
    if (!isRoot)
      throw new Refusal(
        `Some packages are missing. Install them with:\n  sudo ${command}\nThen run this again${purpose === 'setup' ? '' : ' as root'}.`,
      );
    say(`installing ${missing.join(' ')}`);
    await install(missing);
  }
  if (!isRoot && purpose !== 'setup') {
    throw new Refusal(
      `This makes network namespaces, which needs root. Run:\n  sudo npm run ${name}`,
    );
  }
  const without = await installWanted(wanted, isRoot, say);
  const installed = [...missing, ...wanted.filter((one) => !without.includes(one))];
  const outcome = installed.length > 0 ? `installed ${installed.join(' ')}` : 'all there';
  return without.length > 0 ? `${outcome}, but for ${without.join(' ')}` : outcome;
}

/** Each by itself, for a system that is like Debian may lack one. Gives back what can not be had, for whatever reason. */
async function installWanted(packages, isRoot, say) {
  if (!isRoot || !isDebian()) return packages;
  const without = [];
  for (const one of packages) {
    say(`installing ${one}`);
    try {
      await install([one]);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      without.push(one);
    }
  }
  return without;
}

function missingPackages(purpose) {
  const missing = missingOf(programsFor[purpose]);
  if (purpose === 'test') {
    missing.push(
      ...Object.keys(filesForTests)
        .filter((file) => !existsSync(file))
        .map((file) => filesForTests[file]),
    );
  }
  return [...new Set(missing)];
}

function missingOf(programs) {
  const missing = Object.keys(programs).filter((program) => !isOnPath(program));
  return missing.map((program) => programs[program]);
}

function isOnPath(program) {
  const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return places.some((place) => place !== '' && existsSync(`${place}/${program}`));
}

function isDebian() {
  try {
    return (
      /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8')) &&
      isOnPath('apt-get')
    );
  } catch {
    return false;
  }
}

/** `policy-rc.d` is how Debian asks whether a package may start its service while being installed: 101 is no. */
async function install(packages) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  try {
    const known = spawnSync('apt-cache', ['show', ...packages], { stdio: 'ignore' }).status === 0;
    if (!known) await runLogged('apt-update', ['apt-get', 'update'], { env });
    const argv = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
    try {
      await runLogged('apt-install', argv, { env });
    } catch {
      // An old list names package files that the archive no longer has.
      await runLogged('apt-update', ['apt-get', 'update'], { env });
      await runLogged('apt-install', argv, { env });
    }
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}
