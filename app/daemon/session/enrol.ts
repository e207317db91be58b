/** Makes this computer a device of its organisation, or renews its session: proof of both keys, then the first snapshot. */
import type { Agent } from 'node:https';
import { EnrolAnswer, type EnrolRequest } from '../../../gateway/contract/device-api.ts';
import { ProblemBody } from '../../../gateway/contract/problem.ts';
import { KeyChallenge } from '../../../gateway/contract/proof.ts';
import { callGateway, parseJson, problemOf } from '../../../gateway/trust/gateway-call.ts';
import { answerKeyChallenge } from '../../../gateway/trust/proof.ts';
import { SNAPSHOT_REFUSALS, verifyDeviceSnapshot } from '../../../gateway/trust/snapshot.ts';
import type { Trust } from '../../../gateway/trust/statement.ts';
import { Fault } from '../../contract/problem.ts';
import type { Device, Keys, Received } from './membership.ts';
import type { EnrolToken } from './oauth.ts';

export interface Enrolment {
  deviceId: string;
  received: Received;
}

export async function enrol(
  gateway: string,
  trust: Trust,
  token: EnrolToken,
  keys: Keys,
  device: Device,
  agent: Agent,
): Promise<Enrolment> {
  const challenge = await fetchChallenge(gateway, agent);
  const request: EnrolRequest = {
    challengeId: challenge.challengeId,
    keyProof: answerKeyChallenge(
      challenge,
      keys.wireguard.reveal(),
      keys.wireguard.publicKey,
      keys.identity,
    ),
    wireguardKey: keys.wireguard.publicKey,
    ...device,
  };
  const response = await token.call(
    new URL(`${gateway}/v1/devices/enrol`),
    JSON.stringify(request),
  );
  return judgeAnswer(gateway, trust, response.status, parseJson(await response.text()));
}

async function fetchChallenge(gateway: string, agent: Agent): Promise<KeyChallenge> {
  const path = '/v1/devices/challenge';
  const answer = await callGateway({ gateway, path, method: 'POST', body: '{}', agent });
  if (answer.status !== 200)
    throw new Fault('enrol-refused', { reason: problemOf(answer).message });
  const challenge = KeyChallenge.safeParse(parseJson(answer.text));
  if (!challenge.success) throw notUnderstood(gateway, 'its key challenge');
  return challenge.data;
}

async function judgeAnswer(
  gateway: string,
  trust: Trust,
  status: number,
  body: unknown,
): Promise<Enrolment> {
  if (status !== 200 && status !== 201) {
    const refusal = ProblemBody.safeParse(body);
    const reason = refusal.success ? refusal.data.message : `its answer has status ${status}.`;
    throw new Fault('enrol-refused', { reason });
  }
  const answer = EnrolAnswer.safeParse(body);
  if (!answer.success) throw notUnderstood(gateway, 'its enrolment');
  const { deviceId, snapshot } = answer.data;
  const outcome = await verifyDeviceSnapshot(snapshot, {
    key: trust.key,
    fingerprint: trust.fingerprint,
    id: deviceId,
    revision: null,
    now: Date.now(),
  });
  if (outcome.kind === 'refused')
    throw new Fault('snapshot-refused', { reason: SNAPSHOT_REFUSALS[outcome.reason] });
  return { deviceId, received: { config: outcome.config, jws: snapshot } };
}

function notUnderstood(gateway: string, what: string): Fault {
  return new Fault('gateway-answer', { gateway, reason: `${what} has another shape` });
}
