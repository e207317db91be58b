/** Reads and writes a value of nested settings by the names on the way to it. */

export function getAt(settings: Record<string, unknown>, path: string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<string, unknown> | undefined)?.[key],
    settings,
  );
}

export function setAt(settings: Record<string, unknown>, path: string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) {
    settings[key] = value;
    return;
  }
  const inner = { ...(settings[key] as Record<string, unknown> | undefined) };
  setAt(inner, rest, value);
  settings[key] = inner;
}

export function withDefault(
  settings: Record<string, unknown>,
  path: string[],
  value: unknown,
): void {
  if (getAt(settings, path) === undefined) setAt(settings, path, value);
}
