import { expect, test } from 'vitest';
import { type TunnelHost, TunnelShell } from './tunnel-shell.ts';
import type { TunnelConfig } from './tunnel-state.ts';

test('an event that asks nothing of the host does not keep the next one from reaching it', async () => {
  const host = recordingHost();
  const shell = new TunnelShell(host, silent, () => {});
  shell.begin('off', null);
  await settled();

  // While off, a network change has no effects.
  shell.send({ kind: 'network-changed' });
  shell.setConfig(anyConfig);
  shell.send({ kind: 'want-on' });
  await settled();
  await shell.close();

  expect(host.calls).toContain('protect');
  expect(host.calls).toContain('startEngine');
});

const silent = { info: () => {}, warn: () => {} };
const anyConfig: TunnelConfig = {
  ways: [{ gatewayId: 'tokyo', gatewayName: 'tokyo', publicKey: 'x', endpoint: '203.0.113.1:51820' }],
  keepaliveSeconds: 25,
  blocked: null,
};

function recordingHost(): TunnelHost & { calls: string[] } {
  const calls: string[] = [];
  const note = (name: string) => async () => void calls.push(name);
  return {
    calls,
    protect: note('protect'),
    startEngine: note('startEngine'),
    point: note('point'),
    applyNetwork: note('applyNetwork'),
    pause: note('pause'),
    stop: note('stop'),
    path: async () => null,
  };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
