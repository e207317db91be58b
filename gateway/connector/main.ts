/** `culvert-connector install|run`: joins this machine to a network, and carries its traffic. */
import { parseArgs } from 'node:util';
import { joinNetwork } from './join.ts';
import { runConnector } from './run.ts';
import { StateFolder } from './state-file.ts';
import { EXIT_CODES, Stop } from './stop.ts';
import { VERSION } from './version.ts';

const USAGE = `Usage: culvert-connector install --token TOKEN [--state DIR]   join a network
       culvert-connector run [--token TOKEN] [--state DIR]     carry traffic until stopped; with a token, join first

The token may come in CULVERT_CONNECTOR_TOKEN instead, where nobody else on the machine can read it.
The state directory is /var/lib/culvert-connector unless --state names another.
Exit codes: 0 stopped, 64 wrong usage, 69 gateway unreachable, 70 unexpected, 77 refused, 78 state damaged.
`;

const DEFAULT_STATE = '/var/lib/culvert-connector';

async function main(args: string[]): Promise<void> {
  const { command, token, state } = readArguments(args);
  const folder = new StateFolder(state);
  if (command === 'help') process.stdout.write(USAGE);
  if (command === 'version') say(`version ${VERSION}`);
  if (command === 'install') await install(token, folder);
  if (command === 'run') await run(token, folder);
}

type Command = 'install' | 'run' | 'help' | 'version';

function readArguments(args: string[]): {
  command: Command;
  token: string | undefined;
  state: string;
} {
  const { values, positionals } = parse(args);
  const token = values.token ?? process.env.CULVERT_CONNECTOR_TOKEN;
  delete process.env.CULVERT_CONNECTOR_TOKEN;
  const command = values.help ? 'help' : values.version ? 'version' : positionals[0];
  if (positionals.length > 1 || !isCommand(command))
    throw new Stop('usage', 'Say install or run. See --help.');
  return { command, token: token === '' ? undefined : token, state: values.state ?? DEFAULT_STATE };
}

function parse(args: string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const options = { token: text, state: text, help: { ...flag, short: 'h' }, version: flag };
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new Stop('usage', `${(error as Error).message.split('. ')[0]}. See --help.`);
  }
}

function isCommand(text: string | undefined): text is Command {
  return ['install', 'run', 'help', 'version'].includes(text ?? '');
}

async function install(token: string | undefined, folder: StateFolder): Promise<void> {
  if (token === undefined) throw new Stop('usage', 'install needs a token. See --help.');
  const { membership, networkName, isOld } = await joinNetwork(token, folder);
  const organisation = membership.organisationName || membership.gateway;
  if (isOld) say(`This machine has joined ${organisation} with this token before.`);
  else say(`Joined the network ${networkName} (${organisation}).`);
}

async function run(token: string | undefined, folder: StateFolder): Promise<void> {
  if (token !== undefined) await install(token, folder);
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());
  await runConnector({ folder, say, signal: stop.signal });
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
