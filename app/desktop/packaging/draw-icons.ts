/** Draws the app's own icon in every size that packages want: the tray's arch, white on deep water. No picture is kept in git. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawIcon } from '../main/icon-drawing.ts';
import { encodePng } from './png.ts';

const folder = fileURLToPath(new URL('../../../build/desktop-icons', import.meta.url));
const WATER = [0x0b, 0x6e, 0x75] as const;
/** Of the square's side. */
const CORNER = 0.22;
const MARGIN = 0.16;

mkdirSync(folder, { recursive: true });
for (const size of [16, 24, 32, 48, 64, 128, 256, 512, 1024]) {
  writeFileSync(path.join(folder, `${size}x${size}.png`), encodePng(size, drawAppIcon(size)));
}

/** RGBA, not premultiplied. */
function drawAppIcon(size: number): Buffer {
  const pixels = Buffer.alloc(size * size * 4);
  const inner = Math.round(size * (1 - 2 * MARGIN));
  const arch = drawIcon('connected', inner, 255);
  const from = Math.floor((size - inner) / 2);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [x, y] = [column - from, row - from];
      const isInside = x >= 0 && y >= 0 && x < inner && y < inner;
      const white = isInside ? (arch[(y * inner + x) * 4 + 3] ?? 0) / 255 : 0;
      const colour = WATER.map((channel) => Math.round(channel + (255 - channel) * white));
      const alpha = Math.round(255 * squareCoverage(column + 0.5, row + 0.5, size));
      pixels.set([...colour, alpha], (row * size + column) * 4);
    }
  }
  return pixels;
}

/** How much of a pixel lies in the rounded square, from its centre's distance to the edge. */
function squareCoverage(x: number, y: number, size: number): number {
  const radius = size * CORNER;
  const dx = Math.max(radius - x, x - (size - radius), 0);
  const dy = Math.max(radius - y, y - (size - radius), 0);
  return Math.max(0, Math.min(1, radius - Math.hypot(dx, dy) + 0.5));
}
