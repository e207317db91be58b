/** What the administrator's routes are made with, and whom they act for. */
import type { FastifyRequest } from 'fastify';
import type { Core } from '../gateway.ts';
import type { Live } from '../push/live.ts';

export type AdminParts = Core & { live: Live };

/** Who the audit log names. */
export function whoOf(parts: AdminParts, request: FastifyRequest): string {
  return parts.signedIn(request).email;
}
