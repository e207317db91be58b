/**
 * Where each peer was last heard, on disk: a gateway whose engine (or host) was restarted says hello there, and has
 * everybody back at once instead of when they notice. Lost or stale, it costs those seconds and nothing else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

const Endpoints = z.record(z.string(), z.string());

export class LastEndpoints {
  readonly #path: string;
  #byId: Map<string, string>;
  #isSaved = true;

  constructor(path: string) {
    this.#path = path;
    this.#byId = read(path);
  }

  take(id: string, endpoint: string | null): void {
    if (endpoint === null || this.#byId.get(id) === endpoint) return;
    this.#byId.set(id, endpoint);
    this.#isSaved = false;
  }

  of(ids: Iterable<string>): Record<string, string> {
    const known = [...ids].flatMap((id) => {
      const endpoint = this.#byId.get(id);
      return endpoint === undefined ? [] : [[id, endpoint] as const];
    });
    return Object.fromEntries(known);
  }

  /** Who is not in `ids` is forgotten with it. */
  save(ids: Iterable<string>): void {
    if (this.#isSaved) return;
    const kept = this.of(ids);
    this.#byId = new Map(Object.entries(kept));
    this.#isSaved = true;
    try {
      writeFileSync(this.#path, JSON.stringify(kept), { mode: 0o600 });
    } catch {
      // A full disk must not be what ends the data plane.
    }
  }
}

function read(path: string): Map<string, string> {
  try {
    return new Map(Object.entries(Endpoints.parse(JSON.parse(readFileSync(path, 'utf8')))));
  } catch {
    return new Map();
  }
}
