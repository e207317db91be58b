/** Strict text forms of addresses and prefixes: the only way in for anything a person or another program sends. */
import { z } from 'zod';

export const IpAddress = z.union([z.ipv4(), z.ipv6()]);

/** `192.168.0.0/24`, `2001:db8::/32`. Host bits are allowed here; `parseCidr` in prefix.ts masks them. */
export const Cidr = z.union([z.cidrv4(), z.cidrv6()]);
