/** How the connector's program is started: its commands and options, and its help. */
import { parseArgs } from 'node:util';
import { Stop } from './stop.ts';

/** Of an engine. */
const MOST_SHARDS = 16;

export const USAGE = `Usage: culvert-connector install --token TOKEN [--state DIR]   join a network
       culvert-connector run [--token TOKEN] [--state DIR] [--allow-kernel] [--shards N]
                                                               carry traffic until stopped; with a token, join first
       culvert-connector status [--state DIR]                  say how it runs, and who forwards
       culvert-connector undo [--state DIR]                    give back what a killed run took of this machine
       culvert-connector version | help

The token may come in CULVERT_CONNECTOR_TOKEN instead, where nobody else on the machine can read it.
The state directory is /var/lib/culvert-connector unless --state names another.
With --allow-kernel (and CAP_NET_ADMIN, /dev/net/tun, ip and nft) this machine's kernel forwards and masquerades what is for
other hosts; otherwise all of it goes through ordinary sockets, which takes no rights and changes nothing on this machine.
--shards N gives those sockets N threads (1, at most ${MOST_SHARDS}), for a machine with processors to spare.
Every command but help takes --json: its answer, or the problem with its exit code, is one JSON value on standard output;
of run, each thing that it says is one a line.
Exit codes: 0 stopped, 64 wrong usage or not joined, 69 gateway unreachable, 70 unexpected, 77 refused, 78 state damaged.
`;

const DEFAULT_STATE = '/var/lib/culvert-connector';

const COMMANDS = ['install', 'run', 'status', 'undo', 'help', 'version'] as const;
export type Command = (typeof COMMANDS)[number];

export interface ConnectorOptions {
  command: Command;
  token: string | undefined;
  state: string;
  allowKernel: boolean;
  shards: number;
}

/** A token in the environment is taken out of it. Throws a `Stop` for words that make no sense. */
export function readOptions(args: string[], environment: NodeJS.ProcessEnv): ConnectorOptions {
  const values = parse(args);
  const token = values.token ?? environment.CULVERT_CONNECTOR_TOKEN;
  delete environment.CULVERT_CONNECTOR_TOKEN;
  return {
    command: commandOf(values),
    token: token === '' ? undefined : token,
    state: values.state ?? DEFAULT_STATE,
    allowKernel: values['allow-kernel'] ?? false,
    shards: shardsOf(values.shards ?? '1'),
  };
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
      // Read by itself, so that also what makes no sense is answered as asked.
      json: flag,
      help: { ...flag, short: 'h' },
      version: flag,
    };
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { ...values, positionals };
  } catch (error) {
    throw new Stop('usage', `${(error as Error).message.split('. ')[0]}. See --help.`);
  }
}

function commandOf({ help, version, positionals }: ReturnType<typeof parse>): Command {
  const command = help ? 'help' : version ? 'version' : positionals[0];
  if (positionals.length <= 1 && isCommand(command)) return command;
  throw new Stop('usage', 'Say install, run, status or undo. See --help.');
}

function isCommand(text: string | undefined): text is Command {
  return COMMANDS.some((command) => command === text);
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
