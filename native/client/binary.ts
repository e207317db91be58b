/** Where the engine's binary is: named by `CULVERT_ENGINE`, installed beside the program, or built in this checkout. */
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAME = 'culvert-engine';

/** Throws with one sentence when there is none. `program` is the running script; a bundle has the engine next to it. */
export function findEngine(
  environment: NodeJS.ProcessEnv = process.env,
  program: string | undefined = process.argv[1],
): string {
  const named = environment.CULVERT_ENGINE;
  if (named) {
    if (isExecutable(named)) return named;
    throw new Error(`CULVERT_ENGINE names ${named}, which is not an executable file.`);
  }
  const found = candidates(program).find(isExecutable);
  if (found) return found;
  throw new Error(
    'The program culvert-engine was not found. Build it with `cargo build --release` in native/, or name it in CULVERT_ENGINE.',
  );
}

function candidates(program: string | undefined): string[] {
  const native = join(dirname(fileURLToPath(import.meta.url)), '..');
  return [
    ...(program ? [join(dirname(program), NAME)] : []),
    join(native, 'target', 'release', NAME),
    join(native, 'target', 'debug', NAME),
  ];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
