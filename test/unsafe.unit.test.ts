/** `native/README.md` says which crates have `unsafe`, and what for. */
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const NATIVE = join(import.meta.dirname, '../native');

test('the crates that have `unsafe` are those that the README names, with what it is for', () => {
  const crates = readdirSync(NATIVE).filter((name) => globSync(`${NATIVE}/${name}/Cargo.toml`)[0]);
  const named = rowsOf(readFileSync(join(NATIVE, 'README.md'), 'utf8'));

  expect([...named.keys()].sort()).toEqual(crates.sort());
  for (const [crate, purpose] of named) {
    expect(hasUnsafe(crate), `${crate}: ${purpose}`).toBe(purpose !== 'none');
  }
});

/** In what is built for use: tests stand at the end of their files, or in folders of their own. */
function hasUnsafe(crate: string): boolean {
  const sources = globSync(`${NATIVE}/${crate}/src/**/*.rs`);
  const code = sources.map((file) => readFileSync(file, 'utf8').split('#[cfg(test)]')[0] ?? '');
  return code.some((text) => /\bunsafe (\{|fn|impl|extern)/.test(text));
}

/** By crate, what the table about `unsafe` says. */
function rowsOf(readme: string): Map<string, string> {
  const table = readme.split('Where `unsafe` is')[1]?.split('\n\n')[1] ?? '';
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  return new Map(
    rows.flatMap((row) => {
      const [names = '', purpose = ''] = row
        .split('|')
        .slice(1)
        .map((cell) => cell.trim());
      return [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, purpose] as const);
    }),
  );
}
