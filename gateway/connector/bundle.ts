/** Makes build/connector/culvert-connector.mjs: the connector in one file, for machines that hold nothing of ours. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};

await build({
  entryPoints: [join(import.meta.dirname, 'main.ts')],
  outfile: join(root, 'build/connector/culvert-connector.mjs'),
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minifySyntax: true,
  legalComments: 'inline',
  define: { CULVERT_VERSION: JSON.stringify(version) },
  // ws is CommonJS and asks for Node's own modules by require.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  // Optional accelerators of ws, which it does without.
  external: ['bufferutil', 'utf-8-validate'],
  logLevel: 'warning',
});
