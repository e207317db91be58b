/** Gathers what the window and the tray draw, and tells both when any of it changes. */
import type { Problem, Status } from '../../contract/local-api.ts';
import type { Preferences, SignInProgress, View } from '../ipc/channels.ts';
import { withPlainText } from './plain-text.ts';
import { languageOf } from './preferences.ts';

export class ViewSource {
  #view: View;
  /** As culvertd told it. */
  #told: Status | null = null;
  /** What a click has just asked for and culvertd has not answered yet: wanted all the same. */
  #wish: Status['wanted'] | null = null;
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
    this.#told = withPlainText(status);
    this.#change({
      status: this.#wanted(),
      problem: withPlainText(problem),
      pausedUntil: status?.pausedUntil ?? null,
    });
  }

  setWish(wish: Status['wanted'] | null): void {
    this.#wish = wish;
    this.#change({ status: this.#wanted() });
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

  #wanted(): Status | null {
    if (this.#told === null || this.#wish === null) return this.#told;
    return { ...this.#told, wanted: this.#wish };
  }

  #change(part: Partial<View>): void {
    this.#view = { ...this.#view, ...part };
    for (const listener of this.#listeners) listener(this.#view);
  }
}
