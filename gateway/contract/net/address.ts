/** One IP address as an integer: strict in, canonical out. By hand, for lists have ten thousand of them and are read often. */

export interface Address4 {
  family: 4;
  value: number;
}

export interface Address6 {
  family: 6;
  value: bigint;
}

export type Address = Address4 | Address6;

/** Nothing but a whole, plain address: no leading zeros, no zone, no short forms, no spaces. */
export function parseAddress(text: string): Address | undefined {
  if (text.includes(':')) return parse6(text);
  const value = parse4(text);
  return value === undefined ? undefined : { family: 4, value };
}

/** For text that is known to be an address (a constant, a validated snapshot). */
export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (!parsed) throw new TypeError(`“${text}” is not an IP address`);
  return parsed;
}

/** As RFC 5952 wants it, which is also how the kernel and `ip` print it. */
export function printAddress(address: Address): string {
  return address.family === 4 ? print4(address.value) : print6(address.value);
}

export function sameAddress(left: Address, right: Address): boolean {
  return left.family === right.family && left.value === right.value;
}

const MAPPED = 0xffffn;

/** A socket that connects to `::ffff:10.0.0.5` sends IPv4 to 10.0.0.5, so decisions look at that. */
export function unmapped(address: Address): Address {
  if (address.family === 4 || address.value >> 32n !== MAPPED) return address;
  return { family: 4, value: Number(address.value & 0xffff_ffffn) };
}

/** Letter by letter, for a pattern and a split take several times as long, and a plan reads tens of thousands. */
function parse4(text: string): number | undefined {
  let value = 0;
  let octet: number | undefined;
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit === DOT && octet !== undefined && dots < 3) {
      dots++;
      value = value * 256 + octet;
      octet = undefined;
      continue;
    }
    // What begins with 0 is octal to some.
    if (digit < 0 || digit > 9 || octet === 0) return undefined;
    octet = (octet ?? 0) * 10 + digit;
    if (octet > 255) return undefined;
  }
  return octet === undefined || dots !== 3 ? undefined : value * 256 + octet;
}

const ZERO = '0'.charCodeAt(0);
const DOT = '.'.charCodeAt(0) - ZERO;

function parse6(text: string): Address6 | undefined {
  const [head = '', tail, more] = withHexTail(text)?.split('::') ?? [];
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  if (more !== undefined || !left || !right) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...left, ...Array.from({ length: missing }, () => 0), ...right];
  return { family: 6, value: all.reduce((value, group) => (value << 16n) | BigInt(group), 0n) };
}

/** `::ffff:1.2.3.4` → `::ffff:102:304` */
function withHexTail(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const cut = text.lastIndexOf(':') + 1;
  const low = parse4(text.slice(cut));
  if (low === undefined) return undefined;
  return `${text.slice(0, cut)}${(low >>> 16).toString(16)}:${(low & 0xffff).toString(16)}`;
}

function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const all = text.split(':');
  return all.every((group) => GROUP.test(group))
    ? all.map((group) => Number.parseInt(group, 16))
    : undefined;
}

const GROUP = /^[0-9a-f]{1,4}$/i;

function print4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

function print6(value: bigint): string {
  if (value >> 32n === MAPPED) return `::ffff:${print4(Number(value & 0xffff_ffffn))}`;
  const all = Array.from({ length: 8 }, (_, at) =>
    Number((value >> BigInt(16 * (7 - at))) & 0xffffn),
  );
  const run = longestZeroRun(all);
  const hex = all.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(':');
  return `${hex.slice(0, run.start).join(':')}::${hex.slice(run.start + run.length).join(':')}`;
}

/** The first of the longest, as RFC 5952 4.2.3 asks. */
function longestZeroRun(all: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  all.forEach((group, at) => {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: at - length + 1, length };
  });
  return best;
}
