import { expect, test } from 'vitest';
import { readOptions } from './options.ts';

const ids = ['T1', 'T1-cut', 'UDP'];
const peerIds = ['fast', 'slow'];
const known = { ids, peerIds, jsonPlace: '/somewhere/bench.json' };
const read = (...argv: string[]) => readOptions(argv, known);

test('without options everything is measured three times', () => {
  expect(read()).toEqual({
    kind: 'run',
    options: {
      isQuick: false,
      rounds: 3,
      only: ids,
      peers: undefined,
      before: undefined,
      isProfiling: true,
      json: '/somewhere/bench.json',
    },
  });
});

test('a quick run is one round, unless more are asked for', () => {
  expect(read('--quick')).toMatchObject({ options: { isQuick: true, rounds: 1 } });
  expect(read('--quick', '--rounds', '2')).toMatchObject({ options: { rounds: 2 } });
});

test('--only takes several, again or with commas, and keeps the order of a round', () => {
  expect(read('--only', 'UDP', '--only', 'T1')).toMatchObject({ options: { only: ['T1', 'UDP'] } });
  expect(read('--only=UDP,T1-cut')).toMatchObject({ options: { only: ['T1-cut', 'UDP'] } });
});

test('--peers takes some of the others, or none', () => {
  expect(read('--peers', 'slow,fast')).toMatchObject({ options: { peers: ['fast', 'slow'] } });
  expect(read('--peers', 'none')).toMatchObject({ options: { peers: [] } });
  expect(read('--peers', 'fast,T1')).toEqual({
    kind: 'wrong',
    sentence: 'There is no engine "T1" for --peers. There are: fast, slow, none.',
  });
});

test('what was missed is looked into, in a quick run only when asked for', () => {
  expect(read('--no-profile')).toMatchObject({ options: { isProfiling: false } });
  expect(read('--quick')).toMatchObject({ options: { isProfiling: false } });
  expect(read('--quick', '--profile')).toMatchObject({ options: { isProfiling: true } });
  expect(read('--profile', '--no-profile')).toEqual({
    kind: 'wrong',
    sentence: '--profile and --no-profile contradict each other.',
  });
});

test('--before is a file', () => {
  expect(read('--before', '/built/earlier')).toMatchObject({
    options: { before: '/built/earlier' },
  });
});

test('a measurement that does not exist is named, with those that do', () => {
  expect(read('--only', 'T1,T9')).toEqual({
    kind: 'wrong',
    sentence: 'There is no measurement "T9" for --only. There are: T1, T1-cut, UDP.',
  });
  expect(read('--only', '')).toMatchObject({ kind: 'wrong' });
});

test('rounds are a whole number from 1', () => {
  for (const rounds of ['0', '-1', '1.5', 'many', '', '101'])
    expect(read(`--rounds=${rounds}`)).toEqual({
      kind: 'wrong',
      sentence: `--rounds takes a whole number from 1 to 100, not "${rounds}".`,
    });
});

test('an option that does not exist is refused', () => {
  const asked = read('--fast');
  expect(asked).toMatchObject({ kind: 'wrong' });
  expect((asked as { sentence: string }).sentence).toContain("Unknown option '--fast'");
});

test('help names everything that can be asked for', () => {
  const asked = read('--help');
  expect(asked.kind).toBe('help');
  const { text } = asked as { text: string };
  for (const word of [
    '--quick',
    '--rounds',
    '--only',
    '--peers',
    '--before',
    '--profile',
    '--no-profile',
    '--json',
    ...ids,
    ...peerIds,
  ])
    expect(text).toContain(word);
});
