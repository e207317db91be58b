/**
 * Connector ⇄ gateway.
 *
 * | call | auth | body → answer |
 * |---|---|---|
 * | POST /v1/connectors/challenge | none | {} → KeyChallenge |
 * | POST /v1/connectors/join | Culvert-Proof with `jwk` | JoinRequest → JoinAnswer |
 * | GET /v1/connector/stream | Culvert-Proof | WebSocket: StreamMessage, StreamReply of device-api.ts |
 * | GET /install/connector.sh | none | the installer; it takes the token as its argument |
 * | GET /install/manifest.json, /install/FILE | none | what it fetches, with SHA-256 checksums |
 */
import { z } from 'zod';
import { WireGuardKey } from './snapshot.ts';

export const JoinRequest = z.object({
  /** The token's secret part; the gateway stores only its hash. */
  secret: z.string().max(64),
  challengeId: z.string().max(64),
  keyProof: z.string().max(64),
  wireguardKey: WireGuardKey,
  hostname: z.string().min(1).max(253),
  version: z.string().max(40),
});
export type JoinRequest = z.infer<typeof JoinRequest>;

export const JoinAnswer = z.object({ connectorId: z.string().max(64), snapshot: z.string() });
export type JoinAnswer = z.infer<typeof JoinAnswer>;

export const InstallManifest = z.object({
  version: z.string(),
  files: z.array(
    z.object({
      name: z.string(),
      sha256: z.string(),
      bytes: z.number().int(),
      arch: z.enum(['x64', 'arm64', 'any']),
    }),
  ),
});
export type InstallManifest = z.infer<typeof InstallManifest>;
