/** What no page in this app may ever do, whatever it holds. Each point is tested in a real Electron. */
import { app, type Session, session, type WebContents } from 'electron';

export const APP_SCHEME = 'culvert';
export const APP_ORIGIN = `${APP_SCHEME}://app`;

/** Our own bundle only, without inline styles too: renderer/theme-stylesheet.ts makes that possible. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Before `ready`: every renderer is sandboxed, even one that somebody adds later. */
export function hardenProcess(): void {
  app.enableSandbox();
  app.on('web-contents-created', (_event, contents) => hardenContents(contents));
}

export function hardenSession(target: Session = session.defaultSession): void {
  target.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  target.setPermissionCheckHandler(() => false);
  target.setDevicePermissionHandler(() => false);
  target.setSpellCheckerEnabled(false);
  target.webRequest.onBeforeRequest((details, answer) => answer({ cancel: !isOurs(details.url) }));
  target.on('will-download', (event) => event.preventDefault());
}

function hardenContents(contents: WebContents): void {
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  contents.on('will-navigate', (event) => event.preventDefault());
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
}

function isOurs(address: string): boolean {
  return (
    address.startsWith(`${APP_ORIGIN}/`) || (!app.isPackaged && address.startsWith('devtools:'))
  );
}
