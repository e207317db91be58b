/** Joins a network with a token: trust first, then keys, then one call that proves them. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { z } from 'zod';
import { generateKeyPair, publicKeyOf } from '../../native/wg/keys.ts';
import { JoinAnswer, type JoinRequest } from '../contract/connector-api.ts';
import { KeyChallenge, PROOF_HEADER } from '../contract/proof.ts';
import { type ConnectorToken, parseConnectorToken } from '../contract/trust.ts';
import { callGateway, type GatewayAnswer, parseJson, problemOf } from '../trust/gateway-call.ts';
import { exportIdentity, generateIdentity, type Identity } from '../trust/identity.ts';
import { networkReason } from '../trust/network-error.ts';
import { answerKeyChallenge, makeProof } from '../trust/proof.ts';
import { verifyConnectorSnapshot } from '../trust/snapshot.ts';
import { fetchTrust, type Trust } from '../trust/statement.ts';
import { pinnedAgent } from '../trust/tls-pin.ts';
import { identityOf, type Membership, type StateFolder } from './state-file.ts';
import { Stop } from './stop.ts';
import { VERSION } from './version.ts';

export interface Joined {
  membership: Membership;
  networkName: string;
  /** It had joined with this very token before. */
  isOld: boolean;
}

/** Keeps the keys that are there, so that the same machine stays the same connector. */
export async function joinNetwork(text: string, folder: StateFolder): Promise<Joined> {
  const parsed = parseConnectorToken(text);
  if (!parsed.ok) throw new Stop('usage', parsed.problem);
  folder.make();
  const before = folder.readMembership();
  const tokenHash = createHash('sha256').update(parsed.value.secret).digest('base64url');
  if (before && isSameJoin(before, parsed.value, tokenHash)) return alreadyJoined(before, folder);
  const keys =
    before && before.fingerprint === parsed.value.fingerprint ? keysOf(before, folder) : newKeys();
  const trust = await contact(parsed.value);
  const answer = await join(parsed.value, trust, keys);
  const membership = membershipOf(parsed.value, trust, keys, tokenHash, answer.connectorId);
  const networkName = await checkSnapshot(answer, trust);
  folder.writeMembership(membership);
  folder.writeSnapshot(answer.snapshot);
  return { membership, networkName, isOld: false };
}

interface Keys {
  identity: Identity;
  wireguardKey: string;
}

function isSameJoin(before: Membership, token: ConnectorToken, tokenHash: string): boolean {
  return before.fingerprint === token.fingerprint && before.tokenHash === tokenHash;
}

function alreadyJoined(membership: Membership, folder: StateFolder): Joined {
  identityOf(membership, folder);
  return { membership, networkName: '', isOld: true };
}

function newKeys(): Keys {
  return { identity: generateIdentity(), wireguardKey: generateKeyPair().privateKey };
}

function keysOf(membership: Membership, folder: StateFolder): Keys {
  return { identity: identityOf(membership, folder), wireguardKey: membership.wireguardKey };
}

async function contact(token: ConnectorToken): Promise<Trust> {
  const outcome = await fetchTrust(token.gateway, token.fingerprint);
  if (outcome.kind === 'trusted') return outcome.trust;
  throw new Stop(outcome.kind === 'unreachable' ? 'unreachable' : 'refused', outcome.message);
}

async function join(token: ConnectorToken, trust: Trust, keys: Keys): Promise<JoinAnswer> {
  const agent = pinnedAgent(trust.statement.tlsKeys);
  const call = { gateway: token.gateway, agent, method: 'POST' as const };
  try {
    const challenge = read(
      KeyChallenge,
      await callGateway({ ...call, path: '/v1/connectors/challenge', body: '{}' }),
    );
    const body = JSON.stringify(requestOf(token, keys, challenge));
    const path = '/v1/connectors/join';
    const proof = await makeProof(keys.identity, null, { method: 'POST', path, body });
    return read(
      JoinAnswer,
      await callGateway({ ...call, path, body, headers: { [PROOF_HEADER]: proof } }),
    );
  } catch (error) {
    if (error instanceof Stop) throw error;
    throw new Stop('unreachable', `${token.gateway} cannot be reached: ${networkReason(error)}.`);
  } finally {
    agent.destroy();
  }
}

function requestOf(token: ConnectorToken, keys: Keys, challenge: KeyChallenge): JoinRequest {
  const publicKey = publicKeyOf(keys.wireguardKey);
  return {
    secret: token.secret,
    challengeId: challenge.challengeId,
    keyProof: answerKeyChallenge(challenge, keys.wireguardKey, publicKey, keys.identity),
    wireguardKey: publicKey,
    hostname: hostname().slice(0, 253) || 'connector',
    version: VERSION,
  };
}

/** 4xx is an answer that trying again does not change. */
function read<T>(schema: z.ZodType<T>, answer: GatewayAnswer): T {
  if (answer.status !== 200) {
    const isFinal = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
    throw new Stop(isFinal ? 'refused' : 'unreachable', problemOf(answer).message);
  }
  const parsed = schema.safeParse(parseJson(answer.text));
  if (parsed.success) return parsed.data;
  throw new Stop(
    'refused',
    'The gateway’s answer is not one that this version understands. Install the connector again.',
  );
}

async function checkSnapshot(answer: JoinAnswer, trust: Trust): Promise<string> {
  const { key, fingerprint } = trust;
  const receiver = { key, fingerprint, id: answer.connectorId, revision: null, now: Date.now() };
  const outcome = await verifyConnectorSnapshot(answer.snapshot, receiver);
  if (outcome.kind === 'good') return outcome.config.network.name;
  throw new Stop(
    'refused',
    'The gateway’s first configuration does not verify, so it is not used.',
  );
}

function membershipOf(
  token: ConnectorToken,
  trust: Trust,
  keys: Keys,
  tokenHash: string,
  connectorId: string,
): Membership {
  const { publicKey, organisation, tlsKeys } = trust.statement;
  return {
    v: 1,
    gateway: token.gateway,
    fingerprint: trust.fingerprint,
    organisationKey: publicKey,
    organisationName: organisation.name,
    tlsKeys,
    tokenHash,
    connectorId,
    identity: exportIdentity(keys.identity),
    wireguardKey: keys.wireguardKey,
  };
}
