/** The command line as a value: commands, help, and the one place where a failure becomes a sentence and a code. */
import { Command, CommanderError } from 'commander';
import { problemOfCall } from '../client/client.ts';
import { VERSION } from '../contract/version.ts';
import { addCompletion } from './commands/completion.ts';
import { addDown } from './commands/down.ts';
import { addLogin } from './commands/login.ts';
import { addLogout } from './commands/logout.ts';
import { addRepair } from './commands/repair.ts';
import { addRoutes } from './commands/routes.ts';
import { addStatus } from './commands/status.ts';
import { addUp } from './commands/up.ts';
import { addVersion } from './commands/version.ts';
import { addWhy } from './commands/why.ts';
import { EXIT, EXIT_MEANINGS, type ExitCode } from './exit-codes.ts';
import type { Run } from './run.ts';
import { type Terminal, tell } from './terminal.ts';

export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const run: Run = async (options, work) => {
    try {
      code = await work(terminal);
    } catch (cause) {
      code = terminal.interrupted.aborted
        ? EXIT.interrupted
        : tell(terminal, problemOfCall(cause), options.json === true);
    }
  };
  try {
    await buildProgram(terminal, run).parseAsync(withStatus(argv), { from: 'user' });
    return code;
  } catch (cause) {
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? EXIT.done : EXIT.usage;
    throw cause;
  }
}

/** Not commander's default command: that one would take a misspelt command for its argument. */
function withStatus(argv: readonly string[]): string[] {
  const first = argv[0];
  const isAboutAll = first !== undefined && ['-h', '--help', '-V', '--version'].includes(first);
  const isStatus = first === undefined || (first.startsWith('-') && !isAboutAll);
  return isStatus ? ['status', ...argv] : [...argv];
}

function buildProgram(terminal: Terminal, run: Run): Command {
  const program = new Command('culvert')
    .description('Private access to your organisation’s networks. Without a command: the status.')
    .usage('[COMMAND] [OPTIONS]')
    .version(VERSION, '-V, --version', 'the version of this program')
    .helpOption('-h, --help', 'what a command does and takes')
    .configureHelp({ subcommandTerm: termOf })
    .showSuggestionAfterError()
    .showHelpAfterError('(“culvert help” lists the commands)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text.replace(/^error: /, 'culvert: ')),
    });
  addStatus(program, run);
  addLogin(program, run);
  addUp(program, run);
  addDown(program, run);
  addWhy(program, run);
  addRoutes(program, run);
  addLogout(program, run);
  addRepair(program, run);
  addVersion(program, run);
  addCompletion(program, terminal);
  addHelp(program, terminal);
  // Subcommands do not inherit these.
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

const EXAMPLES = `
Examples:
  culvert login https://culvert.example.com/join#…   with the link from your organisation
  culvert up --wait && ssh 192.168.0.10
  culvert why 192.168.0.10:22
  culvert status --json | jq .tunnel.kind

Every command takes --help; all but help and completion take --json.
“culvert help exit-codes” says what the exit codes mean.`;

/** What is typed: without the word “options”, which would be on every line, and the second names. */
function termOf(command: Command): string {
  const taken = command.registeredArguments.map((each) =>
    each.required ? `<${each.name()}>` : `[${each.name()}]`,
  );
  return [command.name(), ...taken].join(' ');
}

function addHelp(program: Command, terminal: Terminal): void {
  program.addHelpText('after', EXAMPLES);
  program
    .command('help')
    .description('help for a command; “help exit-codes” for what the exit codes mean')
    .argument('[COMMAND]')
    .action((name: string | undefined) => showHelp(program, name, terminal));
}

function showHelp(program: Command, name: string | undefined, terminal: Terminal): void {
  if (name === 'exit-codes') {
    const lines = EXIT_MEANINGS.map(
      ({ code, meaning }) => `${String(code).padStart(3)}  ${meaning}`,
    );
    terminal.out.write(`${lines.join('\n')}\n`);
    return;
  }
  const command =
    name === undefined
      ? program
      : program.commands.find((each) => [each.name(), ...each.aliases()].includes(name));
  if (!command) program.error(`error: unknown command '${name ?? ''}'`);
  command.outputHelp();
}
