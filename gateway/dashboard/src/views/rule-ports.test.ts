import { expect, test } from 'vitest';
import { portsText, readPorts } from './rule-ports.ts';

test('ports read as they are written', () => {
  expect(readPorts('22, 443,8000-8100')).toEqual([
    { from: 22, to: 22 },
    { from: 443, to: 443 },
    { from: 8000, to: 8100 },
  ]);
  expect(readPorts('')).toEqual([]);
  expect(portsText(readPorts('8000-8100, 22') ?? [])).toBe('8000-8100, 22');
});

test.each(['0', '65536', 'ssh', '22-', '90-80', '1.5', '-5'])('%j is no port', (text) => {
  expect(readPorts(text)).toBeUndefined();
});
