/** `culvert-connector install|run|status|undo`: joins this machine to a network, and carries its traffic. */
import { type Joined, joinNetwork } from './join.ts';
import { type ConnectorOptions, readOptions, USAGE } from './options.ts';
import { type Output, outputFor } from './output.ts';
import { runConnector } from './run.ts';
import { StateFolder } from './state-file.ts';
import { connectorStatus, statusLines } from './status.ts';
import { Stop } from './stop.ts';
import { undoConnector } from './undo.ts';
import { VERSION } from './version.ts';

async function main(args: string[], output: Output): Promise<void> {
  const options = readOptions(args, process.env);
  const folder = new StateFolder(options.state);
  switch (options.command) {
    case 'help':
      process.stdout.write(USAGE);
      return;
    case 'version':
      output.answer({ culvertConnector: VERSION }, [`culvert-connector: version ${VERSION}`]);
      return;
    case 'install':
      await install(options, folder, output);
      return;
    case 'run':
      await run(options, folder, output);
      return;
    case 'status': {
      const status = await connectorStatus(folder);
      output.answer(status, statusLines(status, Date.now()));
      return;
    }
    case 'undo': {
      const undone = await undoConnector(options.state);
      const sentences = undone.map((each) => `Given back: ${each}.`);
      if (undone.length === 0) sentences.push('There was nothing to give back.');
      const lines = sentences.map((sentence) => `culvert-connector: ${sentence}`);
      output.answer({ undone }, lines);
    }
  }
}

async function install(
  { token }: ConnectorOptions,
  folder: StateFolder,
  output: Output,
): Promise<void> {
  if (token === undefined) throw new Stop('usage', 'install needs a token. See --help.');
  const joined = await joinNetwork(token, folder);
  const { membership, networkName, isOld } = joined;
  const value = {
    joined: isOld ? 'before' : 'now',
    organisation: organisationOf(joined),
    gateway: membership.gateway,
    network: isOld ? null : networkName,
  };
  output.answer(value, [`culvert-connector: ${sentenceOf(joined)}`]);
}

async function run(options: ConnectorOptions, folder: StateFolder, output: Output): Promise<void> {
  const { token, allowKernel, shards } = options;
  if (token !== undefined) output.say(sentenceOf(await joinNetwork(token, folder)));
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  process.once('SIGINT', () => stop.abort());
  const say = (sentence: string) => output.say(sentence);
  await runConnector({ folder, say, signal: stop.signal, allowKernel, shards });
}

function sentenceOf(joined: Joined): string {
  const organisation = organisationOf(joined);
  if (joined.isOld) return `This machine has joined ${organisation} with this token before.`;
  return `Joined the network ${joined.networkName} (${organisation}).`;
}

function organisationOf({ membership }: Joined): string {
  return membership.organisationName || membership.gateway;
}

const args = process.argv.slice(2);
const output = outputFor(args);
main(args, output).then(
  () => process.exit(0),
  (error: unknown) => process.exit(output.tellEnd(error)),
);
