/** The gateway's program: reads how it is started, wires, listens, and stops when it is told to. */

import { type BuiltGateway, buildGateway } from './build.ts';
import { type Configuration, listeningAt, readConfiguration } from './http/configuration.ts';
import { Fault } from './http/fault.ts';
import { assertUdpPort, chooseAddress, portFault, portNote } from './http/listen.ts';
import { makeLog } from './http/log.ts';
import { usage } from './http/options.ts';
import { prepareTls } from './http/tls.ts';
import { assemble } from './parts.ts';
import { openDataDirectory } from './store/data-directory.ts';
import { openStore } from './store/store.ts';

/** As in sysexits.h, where services and scripts look them up. */
const EXIT: Record<string, number> = { usage: 64, port: 69, configuration: 78 };
const EXIT_UNEXPECTED = 70;
const STOP_PATIENCE_MS = 5_000;
const isJson = process.argv.includes('--json');

async function main(): Promise<void> {
  const read = readConfiguration(process.argv.slice(2), process.env);
  if (read.kind === 'help') {
    process.stdout.write(usage());
    return;
  }
  const address = await chooseAddress(read.configuration);
  const configuration = listeningAt(read.configuration, address);
  await assertUdpPort(configuration);
  // Parts of it listen for the signal too, and whoever listens takes it from the kernel, which would have ended it.
  process.once('SIGTERM', leaveAtOnce);
  const built = await build(configuration);
  await listen(built, configuration);
  process.off('SIGTERM', leaveAtOnce);
  stopOnSignal(built);
  greet(built, configuration);
}

async function build(configuration: Configuration): Promise<BuiltGateway> {
  const log = makeLog(configuration.logLevel);
  const directory = openDataDirectory(configuration.data);
  const tls = prepareTls(configuration, directory, Date.now());
  const store = await openStore(directory);
  return buildGateway({ configuration, store, tls, log, assemble });
}

async function listen(
  { app }: BuiltGateway,
  { listen: { host, port } }: Configuration,
): Promise<void> {
  try {
    await app.listen({ host, port, listenTextResolver: () => 'listening' });
  } catch (cause) {
    throw portFault(host, port, (cause as NodeJS.ErrnoException).code ?? String(cause));
  }
}

/** While it starts, nobody is connected that would have to be told. */
function leaveAtOnce(): void {
  process.exit(0);
}

function stopOnSignal(built: BuiltGateway): void {
  const stop = (): void => {
    // Whatever hangs must not keep the service from being restarted.
    setTimeout(() => process.exit(0), STOP_PATIENCE_MS).unref();
    built.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

/** What scripts may count on with `--json`, and people without. Null: there is none. */
function greet({ gateway, setupLink }: BuiltGateway, configuration: Configuration): void {
  const { publicUrl } = configuration;
  const note = portNote(configuration) ?? null;
  const signInLink = setupLink === undefined ? gateway.trust.joinLink : null;
  if (isJson) {
    printJson({ publicUrl, note, setupLink: setupLink ?? null, signInLink });
    return;
  }
  const lines = [`Culvert gateway at ${publicUrl}`, ...(note === null ? [] : [note])];
  if (setupLink)
    lines.push('', 'Set up your organisation here, within 24 hours:', `  ${setupLink}`, '');
  else lines.push(`Sign-in link for people: ${signInLink}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function fail(error: unknown): never {
  const fault =
    error instanceof Fault ? error : new Fault('unexpected', 'The gateway failed.', error);
  const exitCode = EXIT[fault.code] ?? (error instanceof Fault ? 78 : EXIT_UNEXPECTED);
  if (isJson) printJson({ problem: { code: fault.code, message: fault.message }, exitCode });
  else process.stderr.write(`culvert-gateway: ${fault.message}\n`);
  if (!(error instanceof Fault))
    process.stderr.write(`${String((error as Error)?.stack ?? error)}\n`);
  process.exit(exitCode);
}

/** On one line, for the gateway goes on, and who reads it would wait for its end. */
function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

main().catch(fail);
