/** What `npm run bench -- …` understands. */
import path from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  isQuick: boolean;
  rounds: number;
  /** Ids of experiments, in their own order. */
  only: string[];
  json: string;
}

export type Asked =
  | { kind: 'run'; options: Options }
  | { kind: 'help'; text: string }
  | { kind: 'wrong'; sentence: string };

const MOST_ROUNDS = 100;

/** `ids`: what `--only` may name. `jsonPlace`: where figures go unless told. */
export function readOptions(argv: string[], ids: string[], jsonPlace: string): Asked {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch (cause) {
    return { kind: 'wrong', sentence: `${(cause as Error).message.split('\n')[0]}` };
  }
  if (values.help)
    return { kind: 'help', text: help(ids, path.relative(process.cwd(), jsonPlace)) };
  const asked = (values.only ?? []).flatMap((word) => word.split(',')).map((word) => word.trim());
  const unknown = asked.find((id) => !ids.includes(id));
  if (unknown !== undefined)
    return {
      kind: 'wrong',
      sentence: `There is no measurement ${JSON.stringify(unknown)} for --only. There are: ${ids.join(', ')}.`,
    };
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MOST_ROUNDS)
    return {
      kind: 'wrong',
      sentence: `--rounds takes a whole number from 1 to ${MOST_ROUNDS}, not ${JSON.stringify(values.rounds)}.`,
    };
  const only = ids.filter((id) => asked.length === 0 || asked.includes(id));
  const json = path.resolve(values.json ?? jsonPlace);
  return { kind: 'run', options: { isQuick: values.quick, rounds, only, json } };
}

function parse(argv: string[]) {
  return parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      only: { type: 'string', multiple: true },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;
}

function help(ids: string[], jsonPlace: string): string {
  return `npm run bench [-- OPTIONS]

Our engine beside the others that can be had, each in hosts made of network namespaces, round by round in turn, so that a change of
the machine's speed meets all of them. It ends with a table for each measurement, what every target came to, and where we lose.
All ends share this machine: ratios of one run count, absolute figures and other runs do not. It needs root.

  --quick         a sample in less than three minutes: short measurements, and only the peers that matter for each
  --rounds N      medians of N rounds (3; with --quick 1)
  --only ID       this measurement only; again, or with commas, for several:
                  ${ids.join(', ')}
  --json FILE     where every single figure goes (${jsonPlace})
  --help          this text

The other engines are built once, from their registries, into .cache/bench. Ctrl-C ends it with what there is until then; nothing stays
behind. Noise: other work on this machine; for a verdict, leave it alone and take five rounds or more.`;
}
