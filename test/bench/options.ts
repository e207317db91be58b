/** What `npm run bench -- …` understands. */
import path from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  isQuick: boolean;
  rounds: number;
  /** Ids of experiments, in their own order. */
  only: string[];
  /** Ids of other engines; undefined: those that each experiment takes by itself. */
  peers: string[] | undefined;
  /** An engine of ours from before a change. */
  before: string | undefined;
  /** Whether a target that is missed has its time looked into. */
  isProfiling: boolean;
  json: string;
}

export type Asked =
  | { kind: 'run'; options: Options }
  | { kind: 'help'; text: string }
  | { kind: 'wrong'; sentence: string };

const MOST_ROUNDS = 100;

export interface Known {
  /** What `--only` may name. */
  ids: string[];
  /** What `--peers` may name. */
  peerIds: string[];
  /** Where figures go unless told. */
  jsonPlace: string;
}

const NO_PEERS = 'none';

export function readOptions(argv: string[], known: Known): Asked {
  const { ids, peerIds, jsonPlace } = known;
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch (cause) {
    return { kind: 'wrong', sentence: `${(cause as Error).message.split('\n')[0]}` };
  }
  if (values.help) return { kind: 'help', text: help(known) };
  const asked = listed(values.only);
  const peers = values.peers && listed(values.peers);
  const unknown =
    unknownOf('measurement', '--only', asked ?? [], ids) ??
    unknownOf('engine', '--peers', peers ?? [], [...peerIds, NO_PEERS]);
  if (unknown !== undefined) return { kind: 'wrong', sentence: unknown };
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MOST_ROUNDS)
    return {
      kind: 'wrong',
      sentence: `--rounds takes a whole number from 1 to ${MOST_ROUNDS}, not ${JSON.stringify(values.rounds)}.`,
    };
  if (values.profile && values['no-profile'])
    return { kind: 'wrong', sentence: '--profile and --no-profile contradict each other.' };
  const options: Options = {
    isQuick: values.quick,
    rounds,
    only: ids.filter((id) => asked === undefined || asked.includes(id)),
    peers: peers && peerIds.filter((id) => peers.includes(id)),
    before: values.before === undefined ? undefined : path.resolve(values.before),
    isProfiling: values.profile || !(values.quick || values['no-profile']),
    json: path.resolve(values.json ?? jsonPlace),
  };
  return { kind: 'run', options };
}

function listed(words: string[] | undefined): string[] | undefined {
  return words?.flatMap((word) => word.split(',')).map((word) => word.trim());
}

function unknownOf(what: string, option: string, asked: string[], there: string[]) {
  const unknown = asked.find((id) => !there.includes(id));
  return unknown === undefined
    ? undefined
    : `There is no ${what} ${JSON.stringify(unknown)} for ${option}. There are: ${there.join(', ')}.`;
}

function parse(argv: string[]) {
  return parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string', multiple: true },
      peers: { type: 'string', multiple: true },
      before: { type: 'string' },
      profile: { type: 'boolean', default: false },
      'no-profile': { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;
}

function help({ ids, peerIds, jsonPlace }: Known): string {
  return `npm run bench [-- OPTIONS]

Our engine beside the others that can be had, each in hosts made of network namespaces, round by round in turn, so that a change of
the machine's speed meets all of them. It ends with a table for each measurement, what every target came to, where we lose, and
of every target that was missed where its time goes.
All ends share this machine: ratios of one run count, absolute figures and other runs do not. It needs root.

  --quick         a sample in less than three minutes: short measurements, and only the peers that matter for each
  --rounds N      medians of N rounds (3; with --quick 1)
  --only ID       this measurement only; again, or with commas, for several:
                  ${ids.join(', ')}
  --peers ID      of the others this one only, likewise; ${NO_PEERS}: ours alone:
                  ${peerIds.join(', ')}
  --before FILE   also another culvert-engine, built before a change: what the change gives, round by round
  --profile       with --quick, too, look where the time goes of what was missed: ten seconds to a minute for each profile
  --no-profile    leave that out
  --json FILE     where every single figure goes (${path.relative(process.cwd(), jsonPlace)})
  --help          this text

The other engines are built once, from their registries, into .cache/bench. Ctrl-C ends it with what there is until then; nothing stays
behind. Noise: other work on this machine; for a verdict, leave it alone and take five rounds or more.`;
}
