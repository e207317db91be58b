/** The engine's configuration in the gateway role, for those who compile one: they do not talk to engines themselves. */

export { findEngine } from '../../native/client/binary.ts';
export type {
  ConnectorPeer,
  DevicePeer,
  EnginePeer,
  EngineRule,
  ExplainParams,
  ExplainResult,
  GatewayEngineConfig,
} from '../../native/client/protocol.ts';
export { generateKeyPair, publicKeyOf } from '../../native/wg/keys.ts';
export { UAPI_FOLDER } from '../../native/wg/uapi-socket.ts';
