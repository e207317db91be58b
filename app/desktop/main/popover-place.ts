/** Where the window goes: beside the tray's icon and inside the screen, or in the middle. */
export interface Size {
  width: number;
  height: number;
}
export interface Area extends Size {
  x: number;
  y: number;
}

const GAP = 8;

/** A panel at the bottom has the window above it, any other below; an icon of no size counts as a place. */
export function placeOfPopover(size: Size, screen: Area, tray?: Area): { x: number; y: number } {
  if (!tray) {
    return {
      x: Math.round(screen.x + (screen.width - size.width) / 2),
      y: Math.round(screen.y + (screen.height - size.height) / 2),
    };
  }
  const isAtBottom = tray.y + tray.height / 2 > screen.y + screen.height / 2;
  const x = tray.x + tray.width / 2 - size.width / 2;
  const y = isAtBottom ? tray.y - size.height - GAP : tray.y + tray.height + GAP;
  return {
    x: Math.round(within(x, screen.x, screen.width - size.width)),
    y: Math.round(within(y, screen.y, screen.height - size.height)),
  };
}

/** A window larger than the screen starts at its beginning. */
function within(value: number, from: number, room: number): number {
  return Math.max(from, Math.min(value, from + room));
}
