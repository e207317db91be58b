import { expect, test } from 'vitest';
import type { IconState } from '../ipc/icon-state.ts';
import { drawIcon } from './icon-drawing.ts';

const states: IconState[] = ['connected', 'off', 'connecting', 'needs-you'];
const sizes = [16, 24, 32, 48];

/** Opacity of each pixel as a character, so that a failed comparison shows the picture. */
function picture(state: IconState, size: number): string {
  const pixels = drawIcon(state, size, 0);
  const rows = Array.from({ length: size }, (_, row) =>
    Array.from(
      { length: size },
      (_, column) => ' .:*#'[Math.round(((pixels[(row * size + column) * 4 + 3] ?? 0) / 255) * 4)],
    ).join(''),
  );
  return rows.map((row) => row.trimEnd()).join('\n');
}

test.each(sizes)('at %i px the states differ in shape, by more than a blink', (size) => {
  for (const one of states) {
    for (const other of states.filter((state) => state > one)) {
      const [a, b] = [drawIcon(one, size, 0), drawIcon(other, size, 0)];
      let differing = 0;
      for (let at = 3; at < a.length; at += 4)
        if (Math.abs((a[at] ?? 0) - (b[at] ?? 0)) > 128) differing++;
      expect(differing, `${one} and ${other}`).toBeGreaterThan((size * size) / 100);
    }
  }
});

test('colours are premultiplied, in the ink that was asked for', () => {
  for (const ink of [0, 255]) {
    const pixels = drawIcon('needs-you', 24, ink);
    for (let at = 0; at < pixels.length; at += 4) {
      const alpha = pixels[at + 3] ?? 0;
      expect(pixels[at]).toBe(Math.round((ink * alpha) / 255));
    }
  }
});

test('the pictures at 24 px', () => {
  expect(states.map((state) => `${state}\n${picture(state, 24)}`).join('\n')).toMatchSnapshot();
});
