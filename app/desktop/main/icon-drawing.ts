/**
 * Draws the tray icon: a culvert arch with a line through it. State is told by shape: solid arch = connected, outlined = off, a gap in
 * the line = connecting, a dot = needs you. Pure geometry, so every size is sharp and no picture file is kept.
 */
import type { IconState } from '../ipc/icon-state.ts';

/** On a 32-unit square: the arch's centre and radii, its feet, the line's height. */
const CENTRE = { x: 16, y: 17 };
const OUTER = 12;
const INNER = 6;
const FEET = 28;
const LINE = { y: 22, half: 1.4 };
const OUTLINE = 1.3;
const DOT = { x: 26, y: 6, radius: 5 };

/** BGRA pixels, as `nativeImage.createFromBitmap` takes them. `ink` is 0 (black) to 255 (white). */
export function drawIcon(state: IconState, size: number, ink: number): Buffer {
  const pixels = Buffer.alloc(size * size * 4);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const alpha = Math.round(255 * coverage(state, column, row, size));
      // Premultiplied: the colour never exceeds the alpha.
      pixels.fill(
        Math.round((ink * alpha) / 255),
        (row * size + column) * 4,
        (row * size + column) * 4 + 3,
      );
      pixels[(row * size + column) * 4 + 3] = alpha;
    }
  }
  return pixels;
}

const SAMPLES = 4;

/** Share of a pixel that is inked, from 16 points in it. */
function coverage(state: IconState, column: number, row: number, size: number): number {
  let inside = 0;
  for (let sample = 0; sample < SAMPLES * SAMPLES; sample++) {
    const x = ((column + ((sample % SAMPLES) + 0.5) / SAMPLES) * 32) / size;
    const y = ((row + (Math.floor(sample / SAMPLES) + 0.5) / SAMPLES) * 32) / size;
    if (isInked(state, x, y)) inside++;
  }
  return inside / (SAMPLES * SAMPLES);
}

function isInked(state: IconState, x: number, y: number): boolean {
  if (state === 'needs-you') {
    const fromDot = Math.hypot(x - DOT.x, y - DOT.y);
    if (fromDot <= DOT.radius) return true;
    if (fromDot <= DOT.radius + 1.5) return false;
  }
  return isLine(state, x, y) || isArch(state, x, y);
}

function isLine(state: IconState, x: number, y: number): boolean {
  if (Math.abs(y - LINE.y) > LINE.half || x < 1 || x > 31) return false;
  return state !== 'connecting' || Math.abs(x - CENTRE.x) > 4;
}

function isArch(state: IconState, x: number, y: number): boolean {
  // A rim around the line keeps it visible across a solid arch.
  if (state === 'connected' && Math.abs(y - LINE.y) <= LINE.half + 1) return false;
  const depth = archDepth(x, y);
  return state === 'connected' ? depth >= 0 : depth >= 0 && depth <= OUTLINE * 1.6;
}

/** How far inside the arch's body a point lies; negative outside. */
function archDepth(x: number, y: number): number {
  const radius = y <= CENTRE.y ? Math.hypot(x - CENTRE.x, y - CENTRE.y) : Math.abs(x - CENTRE.x);
  const sideways = Math.min(OUTER - radius, radius - INNER);
  return y > CENTRE.y ? Math.min(sideways, FEET - y) : sideways;
}
