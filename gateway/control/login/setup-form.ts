/** The set-up page. */
import type { FastifyReply } from 'fastify';
import { type Html, html, sendPage } from '../http/page.ts';

export interface SetupForm {
  /** What the administrator enters at the provider. */
  redirectUri: string;
  code: string;
  values: Record<string, string>;
  problem?: string;
}

export function sendSetupForm(reply: FastifyReply, form: SetupForm): FastifyReply {
  const problem = form.problem ? html`<p class="problem" role="alert">${form.problem}</p>` : html``;
  return sendPage(reply, {
    title: 'Set up',
    status: form.problem ? 400 : 200,
    // After the form comes the provider's own sign-in page, wherever that is.
    formTargets: ['https:', 'http:'],
    body: html`<h1>Set up your organisation</h1>
<p>People sign in with your identity provider. Register a web application there with this redirect address:</p>
<p><code>${form.redirectUri}</code></p>
${problem}
<form method="post" action="/setup" autocomplete="off">
<input type="hidden" name="code" value="${form.code}">
${field(form, 'organisation', 'Name of your organisation', 'text')}
${field(form, 'issuer', 'Address of the provider (issuer)', 'url')}
${field(form, 'clientId', 'Client id', 'text')}
${field(form, 'clientSecret', 'Client secret', 'password')}
${field(form, 'groupsClaim', 'Claim that holds the groups', 'text', 'groups')}
${field(form, 'ownerEmail', 'Your e-mail address there', 'email')}
<p class="quiet-text">Whoever signs in first with this address becomes the owner.</p>
<button type="submit">Set up and sign in</button>
</form>`,
  });
}

function field(form: SetupForm, name: string, label: string, type: string, initial = ''): Html {
  // A secret is never sent back to the browser.
  const value = type === 'password' ? '' : (form.values[name] ?? initial);
  return html`<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" value="${value}" required>`;
}
