import { expect, test } from 'vitest';
import type { SplitTunnel } from '../../../contract/snapshot.ts';
import { fixed, type SplitFix } from './split-fix.ts';

const DRAFT: SplitTunnel = {
  defaultPath: 'direct',
  include: [{ cidr: '10.0.0.0/8' }],
  exclude: [{ cidr: '10.1.2.3/8', note: 'typed so' }, { domain: 'a.example' }],
};

test('an entry is taken out of its list however it was typed, and out of no other', () => {
  expect(fixed(DRAFT, fix('exclude', ['10.0.0.0/8']))).toEqual({
    ...DRAFT,
    exclude: [{ domain: 'a.example' }],
  });
});

test('entries that are gone meanwhile are no harm', () => {
  expect(fixed(DRAFT, fix('include', ['192.168.0.0/16']))).toEqual(DRAFT);
});

function fix(list: SplitFix['list'], entries: string[]): SplitFix {
  return { label: { code: 'fix-remove-these', detail: { count: entries.length } }, list, entries };
}
