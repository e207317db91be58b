import { expect, test } from 'vitest';
import { sentenceOf } from '../../contract/said.ts';
import type { PolicyNetwork, PolicyProfile } from './policy-state.ts';
import { rangeNotes } from './range-notes.ts';
import { network } from './test-state.ts';

const TOKYO = network('tokyo-vpc', ['192.168.0.0/24']);
const OVERLAY = ['100.96.0.0/16'];

test('a range that a profile’s exclude list hides says so, whole or in part', () => {
  expect(notesOf([TOKYO], [profile('192.168.0.0/24')])).toEqual([
    'The exclude list of the profile Default keeps it out of the tunnel: devices do not reach it.',
  ]);
  expect(notesOf([TOKYO], [profile('192.168.0.16/28')])).toEqual([
    'The exclude list of the profile Default keeps 192.168.0.16/28 of it out of the tunnel: devices do not reach it.',
  ]);
  expect(notesOf([TOKYO], [profile('192.168.0.0/16')])).toEqual([]);
});

test('an exclude entry whose addresses includes decide hides nothing', () => {
  const both = profile('192.168.0.16/28');
  both.splitTunnel.include = [{ cidr: '192.168.0.16/29' }, { cidr: '192.168.0.24/29' }];

  expect(notesOf([TOKYO], [both])).toEqual([]);
});

test('a profile without such an entry does not keep the next one from being looked at', () => {
  expect(notesOf([TOKYO], [profile('10.0.0.0/8'), profile('192.168.0.0/24')])).toHaveLength(1);
});

test('equal ranges of two networks are noted at both', () => {
  expect(notesOf([TOKYO, network('osaka', ['192.168.0.0/24'])])).toEqual([
    '192.168.0.0/24 is also a range of osaka. A device reaches only one of the two.',
    '192.168.0.0/24 is also a range of tokyo-vpc. A device reaches only one of the two.',
  ]);
});

test('overlapping ranges of two networks are noted at both, with who gets what', () => {
  expect(notesOf([TOKYO, network('osaka', ['192.168.0.16/28'])])).toEqual([
    'Overlaps 192.168.0.16/28 of osaka: 192.168.0.16/28 goes to osaka.',
    'Overlaps 192.168.0.0/24 of tokyo-vpc: 192.168.0.16/28 goes to osaka.',
  ]);
});

test('ranges of one network may lie in each other', () => {
  expect(notesOf([network('tokyo-vpc', ['192.168.0.0/24', '192.168.0.0/28'])])).toEqual([]);
});

test('a range around the overlay, or of every address, is noted', () => {
  expect(notesOf([network('wide', ['100.64.0.0/10'])])).toEqual([
    '100.64.0.0/10 also covers 100.96.0.0/16, where devices and connectors have their addresses.',
  ]);
  expect(notesOf([network('exit', ['0.0.0.0/0'])])).toEqual([
    '0.0.0.0/0 is every address there is: all traffic of devices goes into exit.',
  ]);
});

function notesOf(networks: PolicyNetwork[], profiles: PolicyProfile[] = []): string[] {
  const work = rangeNotes({ networks, profiles, overlay: OVERLAY });
  let step = work.next();
  while (!step.done) step = work.next();
  return [...step.value.values()].flatMap((ofNetwork) =>
    [...ofNetwork.values()].map((says) => sentenceOf(says)),
  );
}

function profile(cidr: string): PolicyProfile {
  return {
    id: 'p',
    name: 'Default',
    isDefault: true,
    splitTunnel: { defaultPath: 'direct', include: [], exclude: [{ cidr }] },
  };
}
