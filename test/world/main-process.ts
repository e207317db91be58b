/** Asking the app's main process, so that the answer always arrives. */
import type { ElectronApplication } from 'playwright-core';

/** Steps that run there: they see Electron's modules and their argument, and nothing of the test's. */
export type InMain<Result, Argument = void> = (
  electron: typeof import('electron'),
  argument: Argument,
) => Result | Promise<Result>;

/**
 * Runs the steps there and gives what they give, as JSON.
 *
 * The debugger keeps the promise of an answer by a weak reference only. A collection between its settling and the microtask that
 * tells it loses the answer (“Resulting promise was garbage collected”), and microtasks of the steps' own, or of what they
 * made happen, may come in between. So what goes out is a promise that an immediate holds, settled in a turn of the loop of its own.
 */
export async function runInMain<Result, Argument>(
  app: ElectronApplication,
  steps: InMain<Result, Argument>,
  argument: Argument,
): Promise<Result> {
  return await app.evaluate(
    (electron, { source, argument }) =>
      new Promise<Result>((resolve, reject) => {
        const made: unknown = process.getBuiltinModule('vm').runInThisContext(`(${source})`);
        const run = async () =>
          await (made as InMain<Result, Argument>)(electron, argument as Argument);
        run().then(
          (result) => setImmediate(resolve, result),
          (reason: unknown) => setImmediate(reject, reason),
        );
      }),
    { source: String(steps), argument } as { source: string; argument: Argument },
  );
}
