/** `culvert-connector install|run|status|undo`: joins this machine to a network, and carries its traffic. */
import { parseArgs } from 'node:util';
import { joinNetwork } from './join.ts';
import { runConnector } from './run.ts';
import { StateFolder } from './state-file.ts';
import { connectorStatus } from './status.ts';
import { EXIT_CODES, Stop } from './stop.ts';
import { undoConnector } from './undo.ts';
import { VERSION } from './version.ts';

/** Of an engine. */
const MOST_SHARDS = 16;

const USAGE = `Usage: culvert-connector install --token TOKEN [--state DIR]   join a network
       culvert-connector run [--token TOKEN] [--state DIR] [--allow-kernel] [--shards N]
                                                               carry traffic until stopped; with a token, join first
       culvert-connector status [--state DIR]                  say how it runs, and who forwards
       culvert-connector undo [--state DIR]                    give back what a killed run took of this machine

The token may come in CULVERT_CONNECTOR_TOKEN instead, where nobody else on the machine can read it.
The state directory is /var/lib/culvert-connector unless --state names another.
With --allow-kernel (and CAP_NET_ADMIN, /dev/net/tun, ip and nft) this machine's kernel forwards and masquerades what is for
other hosts; otherwise all of it goes through ordinary sockets, which takes no rights and changes nothing on this machine.
--shards N gives those sockets N threads (1, at most ${MOST_SHARDS}), for a machine with processors to spare.
Exit codes: 0 stopped, 64 wrong usage, 69 gateway unreachable, 70 unexpected, 77 refused, 78 state damaged.
`;

const DEFAULT_STATE = '/var/lib/culvert-connector';

async function main(args: string[]): Promise<void> {
  const { command, token, state, allowKernel, shards } = readArguments(args);
  const folder = new StateFolder(state);
  if (command === 'help') process.stdout.write(USAGE);
  if (command === 'version') say(`version ${VERSION}`);
  if (command === 'install') await install(token, folder);
  if (command === 'run') await run(token, folder, { allowKernel, shards });
  if (command === 'status') process.stdout.write(await connectorStatus(folder));
  if (command === 'undo') await undoConnector(state);
}

const COMMANDS = ['install', 'run', 'status', 'undo', 'help', 'version'] as const;
type Command = (typeof COMMANDS)[number];

function readArguments(args: string[]): {
  command: Command;
  token: string | undefined;
  state: string;
  allowKernel: boolean;
  shards: number;
} {
  const { values, positionals } = parse(args);
  const token = values.token ?? process.env.CULVERT_CONNECTOR_TOKEN;
  delete process.env.CULVERT_CONNECTOR_TOKEN;
  const command = values.help ? 'help' : values.version ? 'version' : positionals[0];
  if (positionals.length > 1 || !isCommand(command))
    throw new Stop('usage', 'Say install, run, status or undo. See --help.');
  return {
    command,
    token: token === '' ? undefined : token,
    state: values.state ?? DEFAULT_STATE,
    allowKernel: values['allow-kernel'] ?? false,
    shards: shardsOf(values.shards ?? '1'),
  };
}

/** As the engine takes them. */
function shardsOf(text: string): number {
  const shards = Number(text);
  if (Number.isInteger(shards) && shards >= 1 && shards <= MOST_SHARDS) return shards;
  throw new Stop(
    'usage',
    `--shards can not be ${JSON.stringify(text)}: it is a number from 1 to ${MOST_SHARDS}.`,
  );
}

function parse(args: string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const options = {
      token: text,
      state: text,
      'allow-kernel': flag,
      shards: text,
      help: { ...flag, short: 'h' },
      version: flag,
    };
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new Stop('usage', `${(error as Error).message.split('. ')[0]}. See --help.`);
  }
}

function isCommand(text: string | undefined): text is Command {
  return COMMANDS.some((command) => command === text);
}

async function install(token: string | undefined, folder: StateFolder): Promise<void> {
  if (token === undefined) throw new Stop('usage', 'install needs a token. See --help.');
  const { membership, networkName, isOld } = await joinNetwork(token, folder);
  const organisation = membership.organisationName || membership.gateway;
  if (isOld) say(`This machine has joined ${organisation} with this token before.`);
  else say(`Joined the network ${networkName} (${organisation}).`);
}

async function run(
  token: string | undefined,
  folder: StateFolder,
  wanted: { allowKernel: boolean; shards: number },
): Promise<void> {
  if (token !== undefined) await install(token, folder);
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());
  await runConnector({ folder, say, signal: stop.signal, ...wanted });
}

function say(sentence: string): void {
  process.stdout.write(`culvert-connector: ${sentence}\n`);
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    const stop = error instanceof Stop ? error : undefined;
    process.stderr.write(`culvert-connector: ${stop?.message ?? 'The connector failed.'}\n`);
    if (!stop) process.stderr.write(`${String((error as Error)?.stack ?? error)}\n`);
    process.exit(EXIT_CODES[stop?.reason ?? 'unexpected']);
  },
);
