import { expect, test } from 'vitest';
import { cidr } from '../../contract/net/prefix.ts';
import { sentenceOf } from '../../contract/said.ts';
import { refuseRange } from './range-refusal.ts';
import { network } from './test-state.ts';

const TOKYO = network('tokyo-vpc', ['192.168.0.0/24']);
const OVERLAY = ['100.96.0.0/16'];

test.each([
  ['192.168.0.7/24', '192.168.0.0/24 is already a range of tokyo-vpc.'],
  ['100.96.3.0/24', '100.96.3.0/24 lies in 100.96.0.0/16'],
  ['127.0.0.0/8', 'not the address of a private network'],
  ['224.0.0.0/8', 'not the address of a private network'],
])('the range %s is refused', (range, sentence) => {
  const refusal = refuseRange(cidr(range), TOKYO, OVERLAY);

  expect(refusal && sentenceOf(refusal)).toContain(sentence);
});

test('one metadata address may be named on purpose', () => {
  expect(refuseRange(cidr('169.254.169.254/32'), TOKYO, OVERLAY)).toBeUndefined();
});
