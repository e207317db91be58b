/** Numbers as `ip` and `nft` print marks and masks. */

export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
