/** What Tab offers, for each shell, made from the program itself, so that no command can be forgotten in it. */
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Word {
  word: string;
  says: string;
}

interface Offered extends Word {
  options: Word[];
  /** What may stand after it, where that is one of a few words. */
  values: Word[];
}

export function completionScript(program: Command, shell: Shell): string {
  const commands = program.commands.map((command) => offeredBy(command, program));
  return { bash, zsh, fish }[shell](commands);
}

function offeredBy(command: Command, program: Command): Offered {
  const options = command.createHelp().visibleOptions(command);
  return {
    word: command.name(),
    says: command.description(),
    options: options.flatMap(({ long, description }) =>
      long ? [{ word: long, says: description }] : [],
    ),
    values: valuesOf(command, program),
  };
}

function valuesOf(command: Command, program: Command): Word[] {
  if (command.name() === 'help') {
    const names = program.commands.map((each) => ({
      word: each.name(),
      says: each.description(),
    }));
    return [...names, { word: 'exit-codes', says: 'what each exit code means' }];
  }
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  return choices.map((word) => ({ word, says: '' }));
}

function bash(commands: readonly Offered[]): string {
  const cases = commands.map(
    ({ word, options, values }) =>
      `    ${word}) words='${wordsOf([...values, ...options]).join(' ')}' ;;`,
  );
  return `# culvert: completion for bash
_culvert() {
  local word=\${COMP_WORDS[COMP_CWORD]} command= words index
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      -*) ;;
      *) command=\${COMP_WORDS[index]}; break ;;
    esac
  done
  case $command in
    '') words='${[...wordsOf(commands), '--help', '--version'].join(' ')}' ;;
${cases.join('\n')}
    *) words= ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _culvert culvert
`;
}

function zsh(commands: readonly Offered[]): string {
  const described = commands.map(({ word, says }) => `    ${quote(`${word}:${says}`)}`);
  const cases = commands.map(({ word, options, values }) => {
    const specs = options.map((each) => quote(`${each.word}[${inBrackets(each.says)}]`));
    const choices = values.length === 0 ? [] : [quote(`1: :(${wordsOf(values).join(' ')})`)];
    return `        ${word}) _arguments ${[...specs, ...choices].join(' ')} ;;`;
  });
  return `#compdef culvert
# culvert: completion for zsh
_culvert() {
  local state line
  local -a commands=(
${described.join('\n')}
  )
  _arguments -C '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${cases.join('\n')}
      esac ;;
  esac
}
if [ "$funcstack[1]" = _culvert ]; then _culvert "$@"; else compdef _culvert culvert; fi
`;
}

function fish(commands: readonly Offered[]): string {
  const first = commands.map(
    ({ word, says }) => `complete -c culvert -n __fish_use_subcommand -a ${word} -d ${quote(says)}`,
  );
  const rest = commands.flatMap(({ word, options, values }) => [
    ...options.map(
      (each) =>
        `complete -c culvert -n '__fish_seen_subcommand_from ${word}' -l ${each.word.slice(2)} -d ${quote(each.says)}`,
    ),
    ...values.map(
      (each) =>
        `complete -c culvert -n '__fish_seen_subcommand_from ${word}' -a ${each.word} -d ${quote(each.says)}`,
    ),
  ]);
  return `${['# culvert: completion for fish', 'complete -c culvert -f', ...first, ...rest].join('\n')}\n`;
}

function wordsOf(all: readonly Word[]): string[] {
  return all.map(({ word }) => word);
}

/** For fish and zsh alike: no quote of the shells' own is in any of our sentences, and none may get in. */
function quote(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}

function inBrackets(text: string): string {
  return text.replaceAll(/[[\]:]/g, String.raw`\$&`);
}
