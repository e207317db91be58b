/** Gathers what the window and the tray draw, and tells both when any of it changes. */
import type { Problem, Status } from '../../contract/local-api.ts';
import type { Preferences, SignInProgress, View } from '../ipc/channels.ts';
import { withPlainText } from './plain-text.ts';

/** Events follow what they tell of within 50 ms, so one that has not come by then came before, or tells what somebody else wants. */
const EVENT_PATIENCE_MS = 2000;

export class ViewSource {
  #view: View;
  /** As culvertd’s last event told it. */
  #told: Status | null = null;
  /** What a click has just asked for, and no event shows yet: wanted all the same. */
  #wish: Status['wanted'] | null = null;
  /** Null: culvertd has not answered the wish yet, and whatever it tells is from before. */
  #patience: NodeJS.Timeout | null = null;
  readonly #languageOf: (preferences: Preferences) => View['language'];
  readonly #listeners = new Set<(view: View) => void>();

  constructor(
    preferences: Preferences,
    languageOf: (preferences: Preferences) => View['language'],
  ) {
    this.#languageOf = languageOf;
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
    if (this.#patience !== null && status?.wanted === this.#wish) this.#endWish();
    this.#change({
      status: this.#wanted(),
      problem: withPlainText(problem),
      pausedUntil: status?.pausedUntil ?? null,
    });
  }

  setWish(wish: Status['wanted'] | null): void {
    this.#endWish();
    this.#wish = wish;
    this.#change({ status: this.#wanted() });
  }

  /** culvertd has the wish, and an event will show it. One that does not come, or came before, holds nothing up for ever. */
  awaitWish(): void {
    this.#patience = setTimeout(() => this.setWish(null), EVENT_PATIENCE_MS);
  }

  setRefusal(refusal: Problem | null): void {
    this.#change({ refusal: withPlainText(refusal) });
  }

  setSignIn(signIn: SignInProgress): void {
    this.#change({ signIn: withPlainText(signIn) });
  }

  setPreferences(preferences: Preferences): void {
    this.#change({ preferences, language: this.#languageOf(preferences) });
  }

  #endWish(): void {
    if (this.#patience !== null) clearTimeout(this.#patience);
    this.#patience = null;
    this.#wish = null;
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
