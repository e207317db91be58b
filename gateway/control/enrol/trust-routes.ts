/** First contact: the signed statement for programs, and what a person sees who opens the sign-in link in a browser. */
import type { FastifyInstance } from 'fastify';
import { TRUST_PATH } from '../../contract/trust.ts';
import { html, sendPage } from '../http/page.ts';
import type { Store } from '../store/store.ts';
import { readOrganisation } from './organisation.ts';
import type { Trust } from './trust.ts';

export function registerTrust(
  app: FastifyInstance,
  { store, trust }: { store: Store; trust: Trust },
): void {
  app.get(TRUST_PATH, { schema: { hide: true } }, async (_request, reply) =>
    reply
      .type('application/jose')
      .header('cache-control', 'no-store')
      .send(await trust.signStatement()),
  );
  app.get('/join', { schema: { hide: true } }, async (_request, reply) => {
    const { name } = await readOrganisation(store.db);
    return sendPage(reply, {
      title: 'Sign in',
      body: html`<h1>Join ${name === '' ? 'this organisation' : name}</h1>
<p>This link belongs in the Culvert app: open the app, choose “Sign in”, and paste the whole address of this page.</p>
<p class="quiet-text">The part after # is how the app knows that it talks to your organisation and to nobody else.</p>`,
    });
  });
}
