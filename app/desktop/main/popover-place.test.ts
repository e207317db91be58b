import fc from 'fast-check';
import { expect, test } from 'vitest';
import { placeOfPopover } from './popover-place.ts';

const size = { width: 360, height: 560 };
const screen = { x: 0, y: 30, width: 1280, height: 770 };

test('below an icon at the top, above one at the bottom', () => {
  const icon = { width: 24, height: 24 };
  expect(placeOfPopover(size, screen, { x: 700, y: 2, ...icon })).toEqual({ x: 532, y: 34 });
  expect(placeOfPopover(size, screen, { x: 1240, y: 776, ...icon })).toEqual({ x: 920, y: 208 });
});

test('in the middle where no icon is known', () => {
  expect(placeOfPopover(size, screen)).toEqual({ x: 460, y: 135 });
});

test('always inside a screen that is large enough', () => {
  const at = fc.integer({ min: -5000, max: 5000 });
  const icon = fc.record({ x: at, y: at, width: fc.nat(64), height: fc.nat(64) });
  fc.assert(
    fc.property(icon, at, at, (tray, x, y) => {
      const area = { x, y, width: 1280, height: 770 };
      const placed = placeOfPopover(size, area, tray);
      expect(placed.x).toBeGreaterThanOrEqual(x);
      expect(placed.x + size.width).toBeLessThanOrEqual(x + area.width);
      expect(placed.y).toBeGreaterThanOrEqual(y);
      expect(placed.y + size.height).toBeLessThanOrEqual(y + area.height);
    }),
  );
});
