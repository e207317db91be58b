import { Argument, type Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../completion.ts';
import type { Terminal } from '../terminal.ts';

/** The installer puts these in their places; this is for everybody else. */
const HOW = `
To have it in each new shell:
  bash  culvert completion bash >~/.local/share/bash-completion/completions/culvert
  zsh   culvert completion zsh >"\${fpath[1]}/_culvert"
  fish  culvert completion fish >~/.config/fish/completions/culvert.fish`;

export function addCompletion(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .description('print what makes Tab complete commands and options')
    .addArgument(new Argument('<SHELL>', 'bash, zsh or fish').choices(SHELLS))
    .addHelpText('after', HOW)
    .action((shell: Shell) => {
      terminal.out.write(completionScript(program, shell));
    });
}
