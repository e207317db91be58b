/** Gathers what the window and the tray draw, and tells both when any of it changes. */
import type { Problem, Status } from '../../contract/local-api.ts';
import type { Preferences, SignInProgress, View } from '../ipc/channels.ts';
import { withPlainText } from './plain-text.ts';
import { languageOf } from './preferences.ts';

export class ViewSource {
  #view: View;
  readonly #listeners = new Set<(view: View) => void>();

  constructor(preferences: Preferences) {
    this.#view = {
      status: null,
      problem: null,
      refusal: null,
      signIn: { stage: 'idle', problem: null },
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
    this.#change({
      status: withPlainText(status),
      problem: withPlainText(problem),
      pausedUntil: status?.pausedUntil ?? null,
    });
  }

  setRefusal(refusal: Problem | null): void {
    this.#change({ refusal: withPlainText(refusal) });
  }

  setSignIn(signIn: SignInProgress): void {
    this.#change({ signIn: withPlainText(signIn) });
  }

  setPreferences(preferences: Preferences): void {
    this.#change({ preferences, language: languageOf(preferences) });
  }

  #change(part: Partial<View>): void {
    this.#view = { ...this.#view, ...part };
    for (const listener of this.#listeners) listener(this.#view);
  }
}
