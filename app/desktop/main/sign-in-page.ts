/**
 * What may be handed to the system's browser: `openExternal` starts whatever program claims an address, so only a page over
 * https passes, and one that leads back to the very port where this app listens.
 */
export function isSignInPage(address: string, redirectPort?: number): boolean {
  const page = URL.canParse(address) ? new URL(address) : undefined;
  if (page?.protocol !== 'https:' || page.username !== '' || page.password !== '') return false;
  const back = page.searchParams.getAll('redirect_uri');
  const target = back.length === 1 && URL.canParse(back[0] ?? '') ? new URL(back[0] ?? '') : null;
  if (target?.protocol !== 'http:' || target.hostname !== '127.0.0.1') return false;
  return redirectPort === undefined || target.port === String(redirectPort);
}
