/**
 * Everything that can be wrong at the start: each gives one sentence that says what is and what to do, the right exit code, and
 * loses nothing. Afterwards the same thing done right works.
 *
 *   laptop ── home-router ── internet: gateway (and an impostor at its name), login ── vpc-router ── server, second
 *
 * One story in one world; each chapter, in this order, begins where the one before it ended.
 */
import { afterAll, beforeAll, beforeEach, onTestFailed } from 'vitest';
import { openScene, scene } from './refusals/scene.ts';

import './refusals/connector-token.ts';
import './refusals/sign-in.ts';
import './refusals/switch-on.ts';
import './refusals/gateway.ts';
import './refusals/damaged-files.ts';

beforeAll(openScene);
afterAll(async () => {
  await scene.world?.stop();
});
beforeEach(() => {
  onTestFailed(() => console.log(scene.world.lab.logs.slice(-20_000)));
});
