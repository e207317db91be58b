/** What `npm run fuzz` and `npm run soundness` were told, or why they do not begin. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Exit code of a command that was told what it does not understand. */
const MISUSE = 2;

/** An option that is unknown or lacks its value ends the command with a sentence and its usage. */
export function readCommand<const Config extends ParseArgsConfig>(
  config: Config,
  usage: string,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (cause) {
    return refuse(`${(cause as Error).message.split('\n')[0]}`, usage);
  }
}

export function refuse(sentence: string, usage: string): never {
  console.error(`${sentence}\nusage: ${usage}`);
  process.exit(MISUSE);
}
