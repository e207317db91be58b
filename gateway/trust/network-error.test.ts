import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { networkReason } from './network-error.ts';

test('a refused connection is told in words, also where a name has several addresses', async () => {
  const [one, several] = await Promise.all([errorOf('127.0.0.1'), errorOf('localhost')]);

  expect([networkReason(one), networkReason(several)]).toEqual([
    'nothing listens at that port',
    'nothing listens at that port',
  ]);
});

test('a name that nobody knows is told in words', async () => {
  expect(networkReason(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }))).toBe(
    'its name is not known',
  );
});

test('anything else is told as it is, without its full stop', () => {
  expect(networkReason(new Error('self-signed certificate.'))).toBe('self-signed certificate');
  expect(networkReason('odd')).toBe('odd');
});

/** Port 1 belongs to no program that anybody runs. */
function errorOf(host: string): Promise<Error> {
  return new Promise((resolve) => connect(1, host).once('error', resolve));
}
