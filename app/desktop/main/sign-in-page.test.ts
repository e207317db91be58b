import { expect, test } from 'vitest';
import { isSignInPage } from './sign-in-page.ts';

const back = encodeURIComponent('http://127.0.0.1:40123/cb');

test('a page over https that leads back to where the app listens is opened', () => {
  expect(isSignInPage(`https://gateway.example/authorize?redirect_uri=${back}`, 40123)).toBe(true);
  expect(isSignInPage(`https://gateway.example:8443/a?x=1&redirect_uri=${back}`)).toBe(true);
});

test.each([
  ['another scheme', `file:///etc/passwd?redirect_uri=${back}`],
  ['a share of Windows', `smb://server/share?redirect_uri=${back}`],
  ['a script', `javascript:alert(1)//?redirect_uri=${back}`],
  ['no encryption', `http://gateway.example/?redirect_uri=${back}`],
  ['a password in it', `https://a:b@gateway.example/?redirect_uri=${back}`],
  ['no way back', 'https://gateway.example/'],
  ['two ways back', `https://gateway.example/?redirect_uri=${back}&redirect_uri=${back}`],
  ['another port', 'https://gateway.example/?redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb'],
  ['another machine', 'https://gateway.example/?redirect_uri=http%3A%2F%2F10.0.0.1%3A40123%2Fcb'],
  ['no address', 'gateway'],
])('%s is not opened', (_what, address) => {
  expect(isSignInPage(address, 40123)).toBe(false);
});
