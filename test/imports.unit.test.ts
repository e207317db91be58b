/**
 * Who imports whom is what the projects' references say. The compiler refuses a folder that nobody on the way refers to;
 * what it lets pass, an import of a reference's own references, is refused here.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files'], { cwd: root }).toString().trim().split('\n');
const projects = new Map(
  tracked
    .filter((file) => path.basename(file) === 'tsconfig.json' && file !== 'tsconfig.json')
    .map((file) => [path.dirname(file), referencesOf(file)]),
);
/** What configures tools is in `tsconfig.tools.json`. */
const sources = tracked.filter((file) => /(?<!\.config)\.tsx?$/.test(file));

test('a file imports from its own project and from those that its project refers to', () => {
  const strangers = sources.flatMap((file) =>
    importsOf(file).flatMap((target) => {
      const [from, to] = [projectOf(file), projectOf(target)];
      const isKnown = to === from || (to && from && projects.get(from)?.includes(to));
      return isKnown ? [] : [`${file} imports ${target}`];
    }),
  );

  expect(sources.length).toBeGreaterThan(400);
  expect(strangers).toEqual([]);
});

test('each project is one that `tsc -b` comes to', () => {
  const reached = new Set<string>();
  const visit = (folder: string): void => {
    if (reached.has(folder)) return;
    reached.add(folder);
    for (const next of projects.get(folder) ?? []) visit(next);
  };
  for (const folder of referencesOf('tsconfig.json')) visit(folder);

  expect([...projects.keys()].filter((folder) => !reached.has(folder))).toEqual([]);
});

function referencesOf(file: string): string[] {
  const { references = [] } = JSON.parse(readFileSync(path.join(root, file), 'utf8')) as {
    references?: { path: string }[];
  };
  return references.map((reference) => path.join(path.dirname(file), reference.path));
}

/** The nearest folder above with a project of its own. */
function projectOf(file: string): string | undefined {
  for (let folder = path.dirname(file); folder !== '.'; folder = path.dirname(folder))
    if (projects.has(folder)) return folder;
  return undefined;
}

/** Relative ones alone: packages are the lockfile's business. */
function importsOf(file: string): string[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  const named = text.matchAll(/(?:from|import|import\()\s*'(\.{1,2}\/[^']+\.tsx?)'/g);
  return [...named].map((match) => path.join(path.dirname(file), match[1] ?? ''));
}
