/** A CIDR as its first address and its length. Host bits are always zero. */
import {
  type Address,
  type Address4,
  type Address6,
  parseAddress,
  printAddress,
} from './address.ts';
import { type Family, V4, V6 } from './space.ts';

export interface Prefix4 {
  family: 4;
  first: number;
  length: number;
}

export interface Prefix6 {
  family: 6;
  first: bigint;
  length: number;
}

export type Prefix = Prefix4 | Prefix6;

export const EVERYTHING: readonly Prefix[] = [
  { family: 4, first: 0, length: 0 },
  { family: 6, first: 0n, length: 0 },
];

/** Strict; host bits are masked: `10.0.0.1/8` is 10.0.0.0/8. */
export function parseCidr(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const parsed = parseAddress(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (!parsed || !LENGTH.test(length) || Number(length) > bitsOf(parsed.family)) return undefined;
  return prefixAround(parsed, Number(length));
}

const LENGTH = /^(?:0|[1-9][0-9]{0,2})$/;

/** For text that is known to be a CIDR (a constant, a validated snapshot). */
export function cidr(text: string): Prefix {
  const parsed = parseCidr(text);
  if (!parsed) throw new TypeError(`“${text}” is not a CIDR`);
  return parsed;
}

export function printCidr(prefix: Prefix): string {
  return `${printAddress(firstAddress(prefix))}/${prefix.length}`;
}

export function prefixAround(address: Address, length: number): Prefix {
  return address.family === 4
    ? { family: 4, first: V4.network(address.value, length), length }
    : { family: 6, first: V6.network(address.value, length), length };
}

/** One host: /32 or /128. */
export function hostPrefix(address: Address): Prefix {
  return prefixAround(address, bitsOf(address.family));
}

export function bitsOf(family: Family): number {
  return family === 4 ? V4.bits : V6.bits;
}

export function isHost(prefix: Prefix): boolean {
  return prefix.length === bitsOf(prefix.family);
}

export function firstAddress(prefix: Prefix): Address {
  return prefix.family === 4
    ? ({ family: 4, value: prefix.first } satisfies Address4)
    : ({ family: 6, value: prefix.first } satisfies Address6);
}

export function lastAddress(prefix: Prefix): Address {
  return prefix.family === 4
    ? { family: 4, value: V4.broadcast(prefix.first, prefix.length) }
    : { family: 6, value: V6.broadcast(prefix.first, prefix.length) };
}

export function samePrefix(left: Prefix, right: Prefix): boolean {
  return left.family === right.family && left.length === right.length && left.first === right.first;
}

export function containsAddress(prefix: Prefix, address: Address): boolean {
  if (prefix.family === 4) {
    return address.family === 4 && V4.network(address.value, prefix.length) === prefix.first;
  }
  return address.family === 6 && V6.network(address.value, prefix.length) === prefix.first;
}

/** Every prefix contains itself. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && containsAddress(outer, firstAddress(inner));
}

/** Two prefixes overlap only when one contains the other. */
export function prefixesOverlap(left: Prefix, right: Prefix): boolean {
  return containsPrefix(left, right) || containsPrefix(right, left);
}

/** IPv4 before IPv6, then by address, then the shorter prefix first. */
export function comparePrefixes(left: Prefix, right: Prefix): number {
  if (left.family !== right.family) return left.family - right.family;
  if (left.first !== right.first) return left.first < right.first ? -1 : 1;
  return left.length - right.length;
}
