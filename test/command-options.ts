/** What a command of ours was told, or why it does not begin. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

type Parsed<Config extends ParseArgsConfig> = ReturnType<typeof parseArgs<Config>>['values'];

/** Exit code of a command that was told what it does not understand. */
const USAGE = 2;

/** The options; one that is unknown or lacks its value ends the command with a sentence and its usage. */
export function readCommandOptions<const Options extends NonNullable<ParseArgsConfig['options']>>(
  options: Options,
  usage: string,
): Parsed<{ options: Options }> {
  try {
    return parseArgs({ options }).values;
  } catch (cause) {
    return refuse(`${(cause as Error).message.split('\n')[0]}`, usage);
  }
}

/** A number above 0. */
export function readPositive(option: string, text: string, usage: string): number {
  const number = Number(text);
  if (number > 0 && Number.isFinite(number)) return number;
  return refuse(`${option} takes a number above 0, not ${JSON.stringify(text)}.`, usage);
}

export function refuse(sentence: string, usage: string): never {
  console.error(`${sentence}\nusage: ${usage}`);
  process.exit(USAGE);
}
