/**
 * Waits on 127.0.0.1 for the browser's way back (RFC 8252). It takes one request of exactly the expected form and closes;
 * the daemon, not this, decides whether the answer is the right one (T21).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DEVICE_REDIRECT_PATH } from './redirect-path.ts';

export interface Loopback {
  port: number;
  /** Each callback's query, until one is accepted. */
  callbacks(): AsyncGenerator<Callback>;
  close(): void;
}

export interface Callback {
  query: string;
  /** Shows the page that ends the journey; a refused one leaves the listener open for the real answer. */
  answer(page: { isAccepted: boolean; title: string; text: string }): void;
}

const MAX_QUERY = 8000;

export async function listenOnLoopback(): Promise<Loopback> {
  const waiting: Callback[] = [];
  let wake: () => void = () => undefined;
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 1, maxHeaderSize: 16_384 },
    (request, response) => {
      const query = queryOf(request, server);
      if (query === null) return refuse(response);
      waiting.push({ query, answer: (page) => show(response, page) });
      wake();
    },
  );
  server.maxConnections = 16;
  await listen(server);
  return {
    port: portOf(server),
    async *callbacks() {
      for (;;) {
        const next = waiting.shift();
        if (next) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    close: () => {
      server.close();
      server.closeIdleConnections();
    },
  };
}

/** Literal address, exact path, GET: anything else is not a browser that our gateway sent here. */
function queryOf(request: IncomingMessage, server: Server): string | null {
  const url = request.url ?? '';
  const cut = url.indexOf('?');
  if (request.method !== 'GET' || cut < 0 || url.slice(0, cut) !== DEVICE_REDIRECT_PATH)
    return null;
  if (request.headers.host !== `127.0.0.1:${portOf(server)}`) return null;
  const query = url.slice(cut + 1);
  return query.length <= MAX_QUERY ? query : null;
}

function refuse(response: ServerResponse): void {
  response.writeHead(404, { connection: 'close' }).end();
}

function show(
  response: ServerResponse,
  page: { isAccepted: boolean; title: string; text: string },
): void {
  response.writeHead(page.isAccepted ? 200 : 400, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  });
  response.end(htmlOf(page.title, page.text));
}

function htmlOf(title: string, text: string): string {
  return `<!doctype html>
<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>${escapeHtml(title)}</title>
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1.5rem}h1{font-size:1.6rem}</style>
</head><body><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p></main></body></html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo | null)?.port ?? 0;
}
