import { expect, test } from 'vitest';
import { readCalls } from './system-calls.ts';

test('what strace has counted is read, with and without errors beside it', () => {
  const table = `
strace: Process 71 attached with 3 threads
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 51.06    0.001020           1      1000           poll
 48.94    0.000978           1       502         2 recvmmsg
------ ----------- ----------- --------- --------- ----------------
100.00    0.001998           1      1502         2 total
`;

  expect(readCalls(table)).toEqual([
    ['poll', 1000],
    ['recvmmsg', 502],
  ]);
});
