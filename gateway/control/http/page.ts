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
<body><main>${MARK}${page.body}</main></body>
</html>
`.text;
}

/** The product's mark, drawn in place: these pages load no pictures. */
const MARK = new Html(
  '<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path d="M4 27V17a12 12 0 0 1 24 0v10h-6V17a6 6 0 0 0-12 0v10z"/><path class="line" d="M1 21h30"/></svg>',
);

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'";

export const STYLE_PATH = '/pages.css';

/** The same colours, corners and type as the dashboard's, which follows. */
export const STYLE = `:root { color-scheme: light dark; font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Noto Sans CJK JP", sans-serif;
  --accent: light-dark(#0b6e75, #4ba6ac); --line: light-dark(#868e96, #7a7a7a); }
body { box-sizing: border-box; margin: 0; padding: 1rem; min-height: 100vh; display: grid; place-items: center; background: light-dark(#fff, #242424); color: light-dark(#000, #c9c9c9); }
main { box-sizing: border-box; width: min(29rem, 100%); padding: clamp(1rem, 6vw, 2rem); border-radius: 8px;
  border: 1px solid light-dark(#dee2e6, #424242); overflow-wrap: anywhere; }
.mark { display: block; width: 44px; height: 44px; margin-bottom: 1rem; fill: var(--accent); }
.mark .line { stroke: var(--accent); stroke-width: 2.6; stroke-linecap: round; }
h1 { font-size: 1.375rem; line-height: 1.3; margin: 0 0 .75rem; }
p { margin: .5rem 0; }
a { color: var(--accent); }
code { font-family: ui-monospace, monospace; font-size: .85rem; display: block; padding: .5rem .65rem; border-radius: 4px; background: light-dark(#f1f3f5, #1a1a1a); }
label { display: block; margin: .9rem 0 .25rem; font-size: .9rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; padding: .5rem .75rem; font: inherit; font-size: .9rem; border-radius: 8px;
  border: 1px solid var(--line); background: light-dark(#fff, #2e2e2e); color: inherit; }
button, .button { display: inline-block; margin: 1.2rem .5rem 0 0; padding: .5rem 1.1rem; font: inherit; font-size: .9rem; font-weight: 600;
  border: 0; border-radius: 8px; background: #0b6e75; color: #fff; text-decoration: none; cursor: pointer; }
button.quiet { background: transparent; color: inherit; box-shadow: inset 0 0 0 1px var(--line); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.quiet-text { color: light-dark(#495057, #b8b8b8); font-size: .875rem; }
.problem { padding: .6rem .8rem; border-radius: 8px; background: light-dark(#ffe3e3, #4a1f1c); color: light-dark(#000, #fff); }
`;
