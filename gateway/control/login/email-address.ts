/** E-mail addresses as rules may rely on them (T32): one `@`, plain ASCII, lower case. */

const LOCAL = /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}$/;
const DOMAIN =
  /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$/;

/** Undefined for whatever is not plainly one address: a strange spelling must not pass for somebody else's. */
export function parseEmail(claim: unknown): string | undefined {
  if (typeof claim !== 'string') return undefined;
  const parts = asciiLower(claim).split('@');
  const [local = '', domain = ''] = parts;
  return parts.length === 2 && LOCAL.test(local) && DOMAIN.test(domain)
    ? `${local}@${domain}`
    : undefined;
}

export function domainOf(email: string): string {
  return email.slice(email.indexOf('@') + 1);
}

/** `toLowerCase` would turn a Kelvin sign into a k. */
function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
