/** culvertd: reads its options, makes the parts for this platform, and wires them. */
import { hostname, release } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Fault, problemOf } from '../contract/problem.ts';
import { say } from '../contract/sentences/say.ts';
import { VERSION } from '../contract/version.ts';
import { loadPeerCredentials } from '../peer/peer-credentials.ts';
import { Daemon } from './daemon.ts';
import { protectEarly } from './early-protection.ts';
import type { Backend } from './engine/backend.ts';
import { chooseBackend } from './engine/choose-backend.ts';
import { EngineBackend, type EngineBackendOptions } from './engine/engine-backend.ts';
import { buildLocalApi } from './local-api/local-api.ts';
import { findGroup, listenOnSocket } from './local-api/unix-socket.ts';
import { createLog } from './log.ts';
import { LinuxNetwork } from './network/linux/linux-network.ts';
import { type DaemonOptions, readOptions, USAGE, UsageError } from './options.ts';
import { repairAlone } from './repair-alone.ts';
import type { Device } from './session/membership.ts';
import { prepareStateDirectory } from './store/state-directory.ts';
import { Store } from './store/store.ts';

async function main(): Promise<number | undefined> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (process.getuid?.() !== 0) throw new Fault('not-root', { program: 'culvertd' });
  if (options.isRepair) return await repair(options);
  if (options.isProtect) {
    await protectEarly(new Store(options.stateDirectory), openNetwork(options), options.names);
    return 0;
  }
  await serve(options, createLog(options.logLevel));
  return undefined;
}

async function serve(options: DaemonOptions, log: Logger): Promise<void> {
  const credentialsOf = loadPeerCredentials();
  if (credentialsOf === null) throw new Fault('peercred-missing');
  const store = new Store(options.stateDirectory);
  for (const each of store.problems) log.warn({ problem: each }, 'state file');
  const network = openNetwork(options);
  const lacks = await network.probe();
  if (network.ledgerProblem) lacks.push(network.ledgerProblem);
  for (const each of lacks) log.warn({ problem: each }, 'this computer');
  const backend = await chooseBackend(engineOf(options), options.wireguard);
  const daemon = new Daemon({
    store,
    network,
    backend,
    names: options.names,
    device: thisDevice(),
    problems: [...store.problems, ...lacks],
    log,
  });
  const api = buildLocalApi({
    handlers: daemon.handlers,
    credentialsOf,
    log: log.child({ part: 'local-api' }),
  });
  await api.ready();
  // The socket is also what keeps a second daemon from touching the host.
  await listenOnSocket(api.server, { path: options.socketPath, groupId: findGroup(options.group) });
  await daemon.begin();
  log.info({ version: VERSION, socket: options.socketPath, wanted: store.wanted }, 'culvertd runs');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void leave(signal, daemon, backend, () => api.close(), log));
  }
}

async function leave(
  signal: string,
  daemon: Daemon,
  backend: Backend,
  closeApi: () => Promise<void>,
  log: Logger,
): Promise<void> {
  log.info({ signal }, 'culvertd leaves; tunnel and protection stay');
  // An effect that hangs must not keep the service manager waiting.
  setTimeout(() => process.exit(0), 5000).unref();
  await closeApi();
  await daemon.close();
  if (backend instanceof EngineBackend) backend.leave();
  process.exit(0);
}

async function repair(options: DaemonOptions): Promise<number> {
  const store = new Store(options.stateDirectory);
  store.saveWanted('off');
  const answer = await repairAlone(openNetwork(options), engineOf(options));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
  return answer.kept.length === 0 ? 0 : 1;
}

function engineOf(options: DaemonOptions): EngineBackendOptions {
  return {
    device: options.names.device,
    binary: options.enginePath,
    controlPath: join(options.runDirectory, 'engine.sock'),
    logPath: join(options.runDirectory, 'engine.log'),
    statePath: join(options.stateDirectory, 'replay-floors'),
  };
}

function openNetwork(options: DaemonOptions): LinuxNetwork {
  prepareStateDirectory(options.stateDirectory);
  return new LinuxNetwork({
    ledgerPath: join(options.stateDirectory, 'ledger.json'),
    names: options.names,
  });
}

function thisDevice(): Device {
  return {
    name: hostname().slice(0, 200) || 'unnamed',
    os: 'linux',
    osVersion: release().slice(0, 100),
    clientVersion: VERSION,
  };
}

try {
  const code = await main();
  if (code !== undefined) process.exitCode = code;
} catch (cause) {
  const isUsage = cause instanceof UsageError;
  process.stderr.write(
    isUsage ? `${cause.message}\n\n${USAGE}` : `culvertd: ${say(problemOf(cause))}\n`,
  );
  process.exitCode = isUsage ? 2 : 1;
}
