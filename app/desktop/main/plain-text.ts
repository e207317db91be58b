/**
 * Names and reasons come from servers. Control characters and marks of text direction could make them look like something
 * else, so they go before anything is shown, in the window and in the menu alike.
 */
const UNWANTED = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;
const MOST_CHARACTERS = 2000;

/** The same value with every text in it made plain. */
export function withPlainText<T>(value: T): T {
  return plain(value) as T;
}

function plain(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(UNWANTED, ' ').slice(0, MOST_CHARACTERS);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
