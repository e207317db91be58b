/** Gathers what the window and the tray draw, and tells both when any of it changes. */
import type { Problem, Status } from '../../contract/local-api.ts';
import type { Preferences, View } from '../ipc/channels.ts';
import { languageOf } from './preferences.ts';

export class ViewSource {
  #view: View;
  readonly #listeners = new Set<(view: View) => void>();

  constructor(preferences: Preferences) {
    this.#view = {
      status: null,
      problem: null,
      signInProblem: null,
      preferences,
      language: languageOf(preferences),
      pausedUntil: null,
    };
  }

  get view(): View {
    return this.#view;
  }

  listen(listener: (view: View) => void): void {
    this.#listeners.add(listener);
    listener(this.#view);
  }

  setStatus(status: Status | null, problem: Problem | null): void {
    this.#change({ status, problem });
  }

  setSignInProblem(signInProblem: Problem | null): void {
    this.#change({ signInProblem });
  }

  setPausedUntil(pausedUntil: number | null): void {
    this.#change({ pausedUntil });
  }

  setPreferences(preferences: Preferences): void {
    this.#change({ preferences, language: languageOf(preferences) });
  }

  #change(part: Partial<View>): void {
    this.#view = { ...this.#view, ...part };
    for (const listener of this.#listeners) listener(this.#view);
  }
}
