/** culvert: the command line, with no rights of its own. */
import { LocalClient } from '../client/client.ts';
import { problem } from '../contract/problem.ts';
import { say } from '../contract/sentences/say.ts';
import { hasReader } from '../peer/reader.ts';
import { EXIT } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { languageOf } from './view.ts';

const interruption = new AbortController();
process.once('SIGINT', () => interruption.abort());

// `culvert status | head -1`: whoever reads went away, and that is fine.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    if (stream === process.stdout) {
      const refused = problem('output-refused', { reason: error.message });
      process.stderr.write(`culvert: ${say(refused, languageOf(process.env))}\n`);
    }
    process.exit(EXIT.failed);
  });
}

process.exitCode = await runProgram(process.argv.slice(2), {
  client: new LocalClient(process.env.CULVERT_SOCKET),
  out: process.stdout,
  err: process.stderr,
  environment: process.env,
  interrupted: interruption.signal,
  hasReader: () => hasReader(1),
});
