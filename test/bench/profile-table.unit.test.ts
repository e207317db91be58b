import { expect, test } from 'vitest';
import { cipherShares } from './profile-aead.ts';
import { profileText, rowsOfShares, shortName } from './profile-table.ts';
import type { Sample } from './samples.ts';

const share = (group: string, percent: number, symbol: string) => ({
  group,
  percent,
  largest: { percent, isKernel: false, symbol },
});

test('shares of several engines stand side by side, the largest first, without what prints as nothing', () => {
  const near = [share('copies', 20, '_copy_from_iter'), share('cipher', 10, 'a::b::seal')];
  const far = [share('cipher', 61, 'a::b::open'), share('rare', 0.4, 'rare')];
  const columns = ['near end', 'far end'].map((title) => ({ title, unit: '%', digits: 0 }));
  const facts = [{ what: 'it carries', value: 4.056, unit: 'Gbit/s', digits: 2 }];

  expect(
    profileText({ about: 'Under load', facts, columns, rows: rowsOfShares([near, far]) }),
  ).toBe(`Under load
  it carries 4.06 Gbit/s
          near end  far end  most of it
  cipher      10 %     61 %  b::seal, b::open
  copies      20 %      0 %  _copy_from_iter`);
});

test('a share can be shown as a time', () => {
  const rows = rowsOfShares([[share('cipher', 50, 'seal')]], [12]);

  expect(rows).toEqual([{ what: 'cipher', values: [600], mostly: ['seal'] }]);
});

test('a function is named by the last of its path', () => {
  expect(shortName('culvert_aead::avx512::chacha20::sixteen_blocks')).toBe(
    'chacha20::sixteen_blocks',
  );
  expect(shortName('a::receiving::<impl a::tunnel::Tunnel>::receive_run')).toBe(
    'Tunnel::receive_run',
  );
  expect(shortName('<a::tracking::Tracking>::carry_out')).toBe('Tracking::carry_out');
  expect(shortName('<a::ranges::RangeMap<T>>::longest')).toBe('RangeMap::longest');
  expect(shortName('<a::Key as b::ops::Add<b::Key>>::add')).toBe('Key::add');
  expect(shortName('finish_task_switch.isra.0')).toBe('finish_task_switch');
});

test('of a cipher’s own time the clock, the kernel and what is copied back are no part', () => {
  const sample = (percent: number, symbol: string, isKernel = false): Sample => ({
    percent,
    isKernel,
    symbol,
  });
  const shares = cipherShares([
    sample(40, 'culvert_aead::avx512::chacha20::sixteen_blocks'),
    sample(20, 'culvert_aead::avx512::poly1305::tag'),
    sample(10, 'culvert_aead::avx512::powers::side_by_side'),
    sample(10, 'culvert_aead::avx512::group::open_group'),
    sample(12, '__memmove_evex_unaligned_erms'),
    sample(5, 'finish_task_switch', true),
    sample(3, '__vdso_clock_gettime'),
  ]);

  expect(shares.map(({ group, percent }) => [group, percent])).toEqual([
    ['ChaCha20', 50],
    ['Poly1305', 37.5],
    ['the rest: key stream and text, passes', 12.5],
  ]);
});
