/** `host`, `host:port`, `[v6]:port` or a bare IPv6 address, as people type them. */
export function readTarget(typed: string): { destination: string; port?: number } | undefined {
  const text = typed.trim();
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  const plain = /^([^:\s]+):(\d{1,5})$/.exec(text);
  const match = bracketed ?? plain;
  const destination = match?.[1] ?? text;
  if (destination === '' || /\s/.test(destination) || destination.length > 253) return undefined;
  const port = Number(match?.[2]);
  return port >= 1 && port <= 65535 ? { destination, port } : { destination };
}
