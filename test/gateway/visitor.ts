/** A browser without a screen: keeps cookies, follows redirects, sends forms. It runs no scripts, and no page needs one. */
import {
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  request as plainRequest,
} from 'node:http';
import { request as tlsRequest } from 'node:https';

export interface Seen {
  url: URL;
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

interface Cookie {
  value: string;
  path: string;
}

interface Sent {
  method: string;
  headers?: OutgoingHttpHeaders;
  body?: string;
}

const MAX_REDIRECTS = 20;

export class Visitor {
  /** By origin, then by name. */
  readonly #cookies = new Map<string, Map<string, Cookie>>();
  readonly #authority: string;

  /** `authority`: PEM of the certificate that it trusts. */
  constructor(authority: string) {
    this.#authority = authority;
  }

  /** One call, as it is: no redirect is followed. */
  async call(url: string | URL, sent: Sent): Promise<Seen> {
    const target = new URL(url);
    const cookie = this.#cookieHeader(target);
    const headers = { ...(cookie === '' ? {} : { cookie }), ...sent.headers };
    const seen = await exchange(target, { ...sent, headers }, this.#authority);
    this.#keepCookies(target, seen.headers['set-cookie'] ?? []);
    return seen;
  }

  /** Opens a page as a person does. Stops at an address that nobody serves: an app's own loopback listener. */
  async open(url: string | URL): Promise<Seen> {
    return this.#follow(await this.call(url, { method: 'GET', headers: PERSON }));
  }

  /** Fills the page's form and presses one of its buttons. */
  async submit(page: Seen, fields: Record<string, string>): Promise<Seen> {
    const action = /<form[^>]*action="([^"]*)"/.exec(page.text)?.[1] ?? page.url.href;
    const seen = await this.call(new URL(action, page.url), {
      method: 'POST',
      headers: {
        ...PERSON,
        origin: page.url.origin,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ ...hiddenFields(page.text), ...fields }).toString(),
    });
    return this.#follow(seen);
  }

  cookie(origin: string, name: string): string | undefined {
    return this.#cookies.get(origin)?.get(name)?.value;
  }

  cookieValues(origin: string): string[] {
    return [...(this.#cookies.get(origin)?.values() ?? [])].map(({ value }) => value);
  }

  async #follow(first: Seen): Promise<Seen> {
    let seen = first;
    for (let count = 0; count < MAX_REDIRECTS; count += 1) {
      const { location } = seen.headers;
      if (location === undefined || seen.status < 300 || seen.status > 399) return seen;
      const next = new URL(location, seen.url);
      if (next.hostname === '127.0.0.1' && next.pathname === '/cb') return { ...seen, url: next };
      seen = await this.call(next, { method: 'GET', headers: PERSON });
    }
    throw new Error('too many redirects');
  }

  #cookieHeader(url: URL): string {
    const all = [...(this.#cookies.get(url.origin) ?? [])];
    const fitting = all.filter(([, cookie]) => url.pathname.startsWith(cookie.path));
    return fitting.map(([name, cookie]) => `${name}=${cookie.value}`).join('; ');
  }

  #keepCookies(url: URL, lines: string[]): void {
    const jar = this.#cookies.get(url.origin) ?? new Map<string, Cookie>();
    this.#cookies.set(url.origin, jar);
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(/;\s*/);
      const name = pair.slice(0, pair.indexOf('='));
      const value = pair.slice(pair.indexOf('=') + 1);
      const path = attributes.find((text) => /^path=/i.test(text))?.slice(5) ?? '/';
      const isOver = attributes.some(
        (text) => /^max-age=0$/i.test(text) || /^expires=thu, 01 jan 1970/i.test(text),
      );
      if (isOver) jar.delete(name);
      else jar.set(name, { value, path });
    }
  }
}

const PERSON = { accept: 'text/html,application/xhtml+xml' };

function hiddenFields(text: string): Record<string, string> {
  const inputs = text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"\s*\/?>/g);
  return Object.fromEntries([...inputs].map(([, name = '', value = '']) => [name, value]));
}

function exchange(url: URL, sent: Sent, authority: string): Promise<Seen> {
  const open = url.protocol === 'https:' ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const outgoing = open(
      url,
      { method: sent.method, headers: sent.headers, ca: authority, agent: false },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({
            url,
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(sent.body);
  });
}
