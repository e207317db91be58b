/** The arithmetic that differs between the two address families; everything else in this folder is written once. */

export type Family = 4 | 6;

/** Integer of one family: IPv4 fits a number, IPv6 needs a bigint. */
export type Integer = number | bigint;

export interface Space<N extends Integer> {
  family: Family;
  bits: number;
  first: N;
  last: N;
  /** Neighbours; never asked past the ends. */
  next(address: N): N;
  previous(address: N): N;
  /** First address of the prefix of this length around an address. */
  network(address: N, length: number): N;
  /** Last address of the prefix of this length around an address. */
  broadcast(address: N, length: number): N;
}

const LAST_V4 = 0xffff_ffff;
const LAST_V6 = (1n << 128n) - 1n;

export const V4: Space<number> = {
  family: 4,
  bits: 32,
  first: 0,
  last: LAST_V4,
  next: (address) => address + 1,
  previous: (address) => address - 1,
  network: (address, length) => (address & mask4(length)) >>> 0,
  broadcast: (address, length) => (address | ~mask4(length)) >>> 0,
};

export const V6: Space<bigint> = {
  family: 6,
  bits: 128,
  first: 0n,
  last: LAST_V6,
  next: (address) => address + 1n,
  previous: (address) => address - 1n,
  network: (address, length) => address & ~hostBits6(length),
  broadcast: (address, length) => address | hostBits6(length),
};

/** Shifts by 32 are shifts by 0 in JavaScript, so /0 is spelled out. */
function mask4(length: number): number {
  return length === 0 ? 0 : (-1 << (32 - length)) >>> 0;
}

const HOST_BITS_6 = Array.from({ length: 129 }, (_, length) => (1n << BigInt(128 - length)) - 1n);

function hostBits6(length: number): bigint {
  return HOST_BITS_6[length] ?? 0n;
}
