/**
 * What the window may ask of the main process, declared once: both ends and the checks are derived from it. No call takes a path,
 * a command or an address to open; links are named, not given.
 */
import { z } from 'zod';
import { Problem, Status, WhyAnswer, WhyRequest } from '../../contract/local-api.ts';
import type { Place } from './places.ts';

export const Preferences = z.object({
  language: z.enum(['system', 'en', 'ja']),
  appearance: z.enum(['system', 'light', 'dark']),
  openAtLogin: z.boolean(),
});
export type Preferences = z.infer<typeof Preferences>;

/** How far a sign-in from this app is; a renewal has the same stages while one stays signed in. */
export const SignInProgress = z.object({
  stage: z.enum(['idle', 'asking', 'in-browser']),
  /** Why the last one did not come about. */
  problem: Problem.nullable(),
});
export type SignInProgress = z.infer<typeof SignInProgress>;

/** Everything that the window draws. */
export const View = z.object({
  /** Null until the daemon has answered once, and while it does not. */
  status: Status.nullable(),
  /** Why there is no status. */
  problem: Problem.nullable(),
  /** Why the last switch or sign-out was refused. */
  refusal: Problem.nullable(),
  signIn: SignInProgress,
  preferences: Preferences,
  /** `en` or `ja`, after the system's language where the preference says so. */
  language: z.enum(['en', 'ja']),
  /** Unix ms until which a pause lasts. */
  pausedUntil: z.number().nullable(),
});
export type View = z.infer<typeof View>;

const nothing = z.tuple([]);

export const calls = {
  view: { args: nothing, answer: View },
  signIn: { args: z.tuple([z.string().max(2000)]), answer: z.null() },
  openSignInAgain: { args: nothing, answer: z.null() },
  cancelSignIn: { args: nothing, answer: z.null() },
  /** Not on or off: what is wanted may have changed since the window drew it. */
  flipSwitch: { args: nothing, answer: z.null() },
  pause: {
    args: z.tuple([z.union([z.literal(5), z.literal(15), z.literal(60)])]),
    answer: z.null(),
  },
  signOut: { args: nothing, answer: z.null() },
  why: {
    args: z.tuple([WhyRequest]),
    answer: z.union([z.object({ answer: WhyAnswer }), z.object({ problem: Problem })]),
  },
  setPreferences: { args: z.tuple([Preferences]), answer: z.null() },
  /** The page cannot do it: `window.close()` would take it away for good. */
  hide: { args: nothing, answer: z.null() },
  copy: { args: z.tuple([z.string().max(300)]), answer: z.null() },
} satisfies Record<string, { args: z.ZodType; answer: z.ZodType }>;

export type CallName = keyof typeof calls;
export type Arguments<Name extends CallName> = z.infer<(typeof calls)[Name]['args']>;
export type Answer<Name extends CallName> = z.infer<(typeof calls)[Name]['answer']>;

/** The functions that the window has, and nothing else. */
export type CulvertBridge = {
  [Name in CallName]: (...args: Arguments<Name>) => Promise<Answer<Name>>;
} & {
  /** Calls back with each new view; gives back how to stop. */
  onView(listener: (view: View) => void): () => void;
  /** Calls back when the tray's menu leads to another place. */
  onPlace(listener: (place: Place) => void): () => void;
};

export const VIEW_EVENT = 'culvert:changed';
export const PLACE_EVENT = 'culvert:go-to';

export function channelOf(name: CallName): string {
  return `culvert:${name}`;
}
