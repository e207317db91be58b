/** What an engine in the gateway role is told and asked, as types alone: who compiles or reads that talks to no engine. */

export type {
  ConnectorPeer,
  DevicePeer,
  EnginePeer,
  EngineRule,
  ExplainParams,
  ExplainResult,
  GatewayEngineConfig,
} from '../../../native/client/protocol.ts';
