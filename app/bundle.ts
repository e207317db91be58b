/** Makes build/app/culvert.mjs and build/app/culvertd.mjs: each program in one file, for machines without a checkout. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');

/** zod brings its sentences in sixty languages, a third of the command line; ours are in contract/sentences. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup: (bundling) => {
    bundling.onResolve({ filter: /\/locales\/index\.js$/ }, ({ importer, resolveDir }) =>
      importer.includes('/node_modules/zod/')
        ? { path: join(resolveDir, '../locales/en.js') }
        : undefined,
    );
  },
};

/** An import of node:http loads everything that it could ever hand out, a WebSocket client among it; this only what is used. */
const builtinsAsTheyAre: Plugin = {
  name: 'builtins-as-they-are',
  setup: (bundling) => {
    bundling.onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'builtin' } : undefined,
    );
    bundling.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

const { outputFiles } = await build({
  entryPoints: {
    culvert: join(import.meta.dirname, 'cli/main.ts'),
    culvertd: join(import.meta.dirname, 'daemon/main.ts'),
  },
  outdir: join(root, 'build/app'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minifySyntax: true,
  legalComments: 'inline',
  // Fastify, commander and ws are CommonJS and ask for Node's own modules by require.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  // Optional accelerators of ws, which it does without.
  external: ['bufferutil', 'utf-8-validate'],
  plugins: [englishOnly, builtinsAsTheyAre],
  logLevel: 'warning',
  write: false,
});
for (const { path, contents } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true });
  // Renamed into place: somebody may be installing just now.
  writeFileSync(`${path}.new`, contents);
  renameSync(`${path}.new`, path);
}
