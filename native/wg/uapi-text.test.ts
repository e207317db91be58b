import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { generateKeyPair, hexOfKey, isKey, keyOfHex, publicKeyOf } from './keys.ts';
import { getInterface, setInterface } from './uapi-socket.ts';
import { parseGet, parseSetAnswer, printSet } from './uapi-text.ts';

const { privateKey, publicKey } = generateKeyPair();

test('a generated public key is the one that belongs to the private key', () => {
  expect(publicKeyOf(privateKey)).toBe(publicKey);
  expect(isKey(privateKey) && isKey(publicKey)).toBe(true);
});

test('a damaged key is refused in either spelling', () => {
  expect(() => publicKeyOf(privateKey.slice(1))).toThrow('44 characters');
  expect(() => keyOfHex('ab')).toThrow('64 digits');
  expect(isKey(`${publicKey.slice(0, 42)}B=`)).toBe(false);
});

test('every 32 bytes survive base64 → hex → base64', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const key = Buffer.from(bytes).toString('base64');
      expect(isKey(key)).toBe(true);
      expect(keyOfHex(hexOfKey(key))).toBe(key);
    }),
  );
});

test('a set request is the text that the protocol asks for', () => {
  const text = printSet({
    privateKey,
    listenPort: 0,
    firewallMark: 0x43000000,
    replacePeers: true,
    peers: [
      {
        publicKey,
        endpoint: '[2001:db8::7]:51820',
        keepaliveSeconds: 25,
        replaceAllowedIps: true,
        allowedIps: ['10.0.0.0/8', 'fd00::/8'],
      },
    ],
  });

  expect(text).toBe(
    `set=1\nprivate_key=${hexOfKey(privateKey)}\nlisten_port=0\nfwmark=1124073472\nreplace_peers=true\n` +
      `public_key=${hexOfKey(publicKey)}\nendpoint=[2001:db8::7]:51820\npersistent_keepalive_interval=25\n` +
      'replace_allowed_ips=true\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::/8\n\n',
  );
});

test('a value cannot smuggle in a line of its own', () => {
  const endpoint = '203.0.113.7:51820\nreplace_peers=true';

  expect(() => printSet({ peers: [{ publicKey, endpoint }] })).toThrow('line break');
});

test('a get answer becomes state, with the handshake in milliseconds and unknown fields passed over', () => {
  const answer = parseGet(
    `private_key=${hexOfKey(privateKey)}\nlisten_port=51820\nfwmark=0\npublic_key=${hexOfKey(publicKey)}\n` +
      'preshared_key=0000000000000000000000000000000000000000000000000000000000000000\nprotocol_version=1\n' +
      'endpoint=203.0.113.7:4500\nlast_handshake_time_sec=1700000000\nlast_handshake_time_nsec=123456789\n' +
      'tx_bytes=7\nrx_bytes=9\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.1/32\nerrno=0\n\n',
  );

  expect(answer).toEqual({
    ok: true,
    value: {
      privateKey,
      listenPort: 51820,
      firewallMark: 0,
      peers: [
        {
          publicKey,
          hasPresharedKey: false,
          endpoint: '203.0.113.7:4500',
          lastHandshakeAt: 1_700_000_000_123,
          rxBytes: 9,
          txBytes: 7,
          keepaliveSeconds: 25,
          allowedIps: ['10.0.0.1/32'],
        },
      ],
    },
  });
});

test('an errno is a refusal, and an answer without one is too', () => {
  expect(parseSetAnswer('errno=0\n\n')).toEqual({ ok: true, value: null });
  expect(parseSetAnswer('errno=-22\n\n')).toEqual({ ok: false, errno: -22 });
  expect(parseSetAnswer('')).toEqual({ ok: false, errno: Number.NaN });
});

test('a request and its answer cross a socket that stays open', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'culvert-wg-'));
  const path = join(folder, 'wg.sock');
  const seen: string[] = [];
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      seen.push(String(chunk));
      socket.write('listen_port=7\nerrno=0\n');
      setTimeout(() => socket.write('\n'), 5);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));

  const state = await getInterface(path);
  const set = await setInterface(path, { listenPort: 8 });

  expect(state).toMatchObject({ ok: true, value: { listenPort: 7 } });
  expect(set).toEqual({ ok: true, value: null });
  expect(seen).toEqual(['get=1\n\n', 'set=1\nlisten_port=8\n\n']);
  server.close();
  rmSync(folder, { recursive: true });
});
