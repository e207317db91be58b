/** The device's signed calls to its gateway: what it asks about a destination, and that it leaves. */
import type { Agent } from 'node:https';
import { ExplainAnswer, type ExplainRequest } from '../../../gateway/contract/device-api.ts';
import { PROOF_HEADER } from '../../../gateway/contract/proof.ts';
import {
  callGateway,
  type GatewayAnswer,
  parseJson,
  problemOf,
} from '../../../gateway/trust/gateway-call.ts';
import type { Identity } from '../../../gateway/trust/identity.ts';
import { makeProof } from '../../../gateway/trust/proof.ts';
import { pinnedAgent } from '../../../gateway/trust/tls-pin.ts';
import { Fault, reasonOf } from '../../contract/problem.ts';

export interface GatewayTarget {
  gateway: string;
  tlsKeys: readonly string[];
  deviceId: string;
  identity: Identity;
}

/** A person waits for the answer. */
const TIMEOUT_MS = 5000;

export async function explain(
  target: GatewayTarget,
  request: ExplainRequest,
): Promise<ExplainAnswer> {
  const answer = await signedPost(target, '/v1/device/explain', request);
  if (answer.status !== 200) throw refused(target, answer);
  const parsed = ExplainAnswer.safeParse(parseJson(answer.text));
  if (!parsed.success) {
    throw new Fault('gateway-answer', {
      gateway: target.gateway,
      reason: 'its explanation has another shape',
    });
  }
  return parsed.data;
}

export async function leave(target: GatewayTarget): Promise<void> {
  const answer = await signedPost(target, '/v1/device/leave', {});
  if (answer.status >= 400 && problemOf(answer).code !== 'unknown-device')
    throw refused(target, answer);
}

async function signedPost(
  target: GatewayTarget,
  path: string,
  payload: object,
): Promise<GatewayAnswer> {
  const { gateway, identity, deviceId, tlsKeys } = target;
  const body = JSON.stringify(payload);
  const proof = await makeProof(identity, deviceId, { method: 'POST', path, body });
  const agent: Agent = pinnedAgent(tlsKeys);
  try {
    const headers = { [PROOF_HEADER]: proof };
    return await callGateway({
      gateway,
      path,
      method: 'POST',
      body,
      headers,
      agent,
      timeoutMs: TIMEOUT_MS,
    });
  } catch (cause) {
    throw new Fault('gateway-unreachable', { gateway, reason: reasonOf(cause) }, cause);
  } finally {
    agent.destroy();
  }
}

function refused(target: GatewayTarget, answer: GatewayAnswer): Fault {
  return new Fault('gateway-says', { gateway: target.gateway, reason: problemOf(answer).message });
}
