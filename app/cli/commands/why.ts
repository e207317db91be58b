import { type Command, InvalidArgumentError } from 'commander';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { whyLines } from '../print-why.ts';
import { withProgress } from '../progress.ts';
import type { Run } from '../run.ts';
import { outView, print, printJson, type Terminal } from '../terminal.ts';
import { WORDS } from '../words.ts';

interface Options {
  udp?: boolean;
  json?: boolean;
}

export interface Destination {
  destination: string;
  port?: number;
}

export function addWhy(program: Command, run: Run): void {
  program
    .command('why')
    .description('why a destination can or cannot be reached: every link of the chain')
    .argument(
      '<HOST[:PORT]>',
      'address or name; an IPv6 address with a port goes in brackets',
      parseDestination,
    )
    .option('--udp', 'ask for UDP; without it TCP where there is a port, else ping')
    .option('--json', 'the answer as JSON')
    .action((destination: Destination, options: Options) =>
      run(options, (terminal) => explain(terminal, destination, options)),
    );
}

async function explain(
  terminal: Terminal,
  destination: Destination,
  options: Options,
): Promise<ExitCode> {
  const protocol = options.udp ? ({ protocol: 'udp' } as const) : {};
  const { language } = outView(terminal);
  const work = terminal.client.why({ ...destination, ...protocol });
  const answer = await withProgress(terminal, WORDS[language].working, work);
  if (options.json) printJson(terminal, answer);
  else print(terminal, whyLines(answer, outView(terminal)));
  return answer.reachable === 'no' ? EXIT.blocked : EXIT.done;
}

/** `host`, `host:22`, `192.168.0.10:22`, `fd00::1`, `[fd00::1]:22`; a whole URL is what people paste. */
export function parseDestination(text: string): Destination {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? URL.parse(text) : null;
  if (url) return withPort(url.hostname.replace(/^\[|\]$/g, ''), url.port || PORTS[url.protocol]);
  const bracketed = /^\[([^\]]+)\](?::(.*))?$/.exec(text);
  if (bracketed) return withPort(bracketed[1] ?? '', bracketed[2]);
  const parts = text.split(':');
  return parts.length === 2 ? withPort(parts[0] ?? '', parts[1]) : withPort(text, undefined);
}

const PORTS: Record<string, string> = { 'http:': '80', 'https:': '443', 'ssh:': '22' };

function withPort(destination: string, port: string | undefined): Destination {
  if (destination === '' || destination.length > 253 || /[\s/@]/.test(destination)) {
    throw new InvalidArgumentError(
      'It has to be an address or a name, like 192.168.0.10 or wiki.corp:443.',
    );
  }
  if (port === undefined) return { destination };
  const value = Number(port);
  if (/^\d{1,5}$/.test(port) && value >= 1 && value <= 65_535) return { destination, port: value };
  throw new InvalidArgumentError(`“${port}” is not a port; ports are 1 to 65535.`);
}
