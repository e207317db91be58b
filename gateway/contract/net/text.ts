/** Strict text forms of addresses and prefixes: the only way in for anything a person or another program sends. */
import { z } from 'zod';
import { parseAddress } from './address.ts';
import { parseCidr } from './prefix.ts';

export const IpAddress = z
  .string()
  .max(64)
  .refine((text) => parseAddress(text) !== undefined, 'it has to be an IPv4 or IPv6 address');

/** `192.168.0.0/24`, `2001:db8::/32`. Host bits are allowed here; `parseCidr` in prefix.ts masks them. */
export const Cidr = z
  .string()
  .max(64)
  .refine((text) => parseCidr(text) !== undefined, 'it has to be a prefix like 192.168.0.0/24');
