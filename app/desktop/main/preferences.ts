/** What a person chose about the app itself. Nothing secret is kept here: keys and tokens live in culvertd. */
import { app } from 'electron';
import Store from 'electron-store';
import { Preferences } from '../ipc/channels.ts';

const defaults: Preferences = { language: 'system', appearance: 'system', openAtLogin: false };

export class PreferenceStore {
  readonly #store = new Store<Preferences>({
    name: 'preferences',
    defaults,
    clearInvalidConfig: true,
  });

  get(): Preferences {
    const stored = Preferences.safeParse(this.#store.store);
    return stored.success ? stored.data : defaults;
  }

  set(preferences: Preferences): void {
    this.#store.store = preferences;
  }
}

export function languageOf(preferences: Preferences): 'en' | 'ja' {
  if (preferences.language !== 'system') return preferences.language;
  return app.getPreferredSystemLanguages()[0]?.startsWith('ja') ? 'ja' : 'en';
}
