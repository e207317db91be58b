import { expect, test } from 'vitest';
import { differences } from './difference.ts';

test('only the fields that differ are told, lists by what came and went', () => {
  const before = { name: 'a', ports: [{ from: 22, to: 22 }], enabled: true };
  const after = {
    name: 'b',
    ports: [
      { from: 22, to: 22 },
      { from: 80, to: 90 },
    ],
    enabled: true,
  };

  expect(differences(before, after)).toEqual([
    { field: 'name', before: ['a'], after: ['b'] },
    { field: 'ports', before: [], after: ['80-90'] },
  ]);
});

test('what was made has no before, what was removed no after', () => {
  expect(differences(null, { name: 'a' })).toEqual([{ field: 'name', before: [], after: ['a'] }]);
  expect(differences({ name: 'a' }, null)).toEqual([{ field: 'name', before: ['a'], after: [] }]);
});

test('another order of the same things is shown whole', () => {
  expect(differences(['a', 'b'], ['b', 'a'])).toEqual([
    { field: 'order', before: ['a', 'b'], after: ['b', 'a'] },
  ]);
});

test('entries of a list are told with their notes', () => {
  const after = { exclude: [{ cidr: '10.0.0.0/8', note: 'home' }, { domain: 'a.example' }] };

  expect(differences({ exclude: [] }, after)).toEqual([
    { field: 'exclude', before: [], after: ['10.0.0.0/8  home', 'a.example'] },
  ]);
});
