/** The few pages that the gateway draws itself: calm, one sentence, no script. */
import type { FastifyReply } from 'fastify';

export interface Page {
  title: string;
  /** Already safe: made with `html`. */
  body: Html;
  status?: number;
  /** Where the page's form may lead in the end; browsers check redirects after a form too. */
  formTargets?: string[];
}

/** Text that is safe to send. The only way to make one is the tag below, which escapes whatever it is given. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export function html(parts: TemplateStringsArray, ...values: (string | Html | undefined)[]): Html {
  const pieces = values.map((value) =>
    value instanceof Html ? value.text : escapeText(value ?? ''),
  );
  return new Html(parts.map((part, index) => part + (pieces[index] ?? '')).join(''));
}

export function sendPage(reply: FastifyReply, page: Page): FastifyReply {
  const targets = ["'self'", ...(page.formTargets ?? [])].join(' ');
  return reply
    .status(page.status ?? 200)
    .header('content-security-policy', `${PAGE_POLICY}; form-action ${targets}`)
    .header('cache-control', 'no-store')
    .type('text/html; charset=utf-8')
    .send(documentOf(page));
}

export function sendNotice(
  reply: FastifyReply,
  status: number,
  title: string,
  sentence: string,
  next?: { label: string; href: string },
): FastifyReply {
  const link = next ? html`<p><a class="button" href="${next.href}">${next.label}</a></p>` : html``;
  return sendPage(reply, {
    title,
    status,
    body: html`<h1>${title}</h1><p role="status">${sentence}</p>${link}`,
  });
}

function documentOf(page: Page): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title} · Culvert</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${STYLE_PATH}">
</head>
<body><main>${page.body}</main></body>
</html>
`.text;
}

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'";

export const STYLE_PATH = '/pages.css';

export const STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { box-sizing: border-box; margin: 0; padding: 1rem; min-height: 100vh; display: grid; place-items: center; background: light-dark(#f4f6f8, #14181c); }
main { box-sizing: border-box; width: min(28rem, 100%); padding: 2rem; border-radius: 12px;
  background: light-dark(#fff, #1e242a); color: light-dark(#1a2129, #e8ecf0);
  box-shadow: 0 1px 3px rgb(0 0 0 / .2); overflow-wrap: anywhere; }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 .75rem; }
p { margin: .5rem 0; }
label { display: block; margin: .9rem 0 .25rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; padding: .6rem .7rem; font: inherit; border-radius: 8px;
  border: 1px solid light-dark(#8a96a3, #6b7783); background: transparent; color: inherit; }
button, .button { display: inline-block; margin: 1.2rem .5rem 0 0; padding: .65rem 1.1rem; font: inherit; font-weight: 600;
  border: 0; border-radius: 8px; background: #0b63ce; color: #fff; text-decoration: none; cursor: pointer; }
button.quiet { background: transparent; color: inherit; box-shadow: inset 0 0 0 1px light-dark(#8a96a3, #6b7783); }
:focus-visible { outline: 3px solid #5aa2ff; outline-offset: 2px; }
.quiet-text { color: light-dark(#56616d, #a5b0bb); font-size: .9rem; }
.problem { padding: .6rem .8rem; border-radius: 8px; background: light-dark(#fdecea, #4a1f1c); }
`;
