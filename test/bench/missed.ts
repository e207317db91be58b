/** Where the time goes of targets that were missed: which profiles that takes, taking them, and how they are read. */
import { type Contender, culvert } from './contender.ts';
import { type Profile, profileText } from './profile-table.ts';
import { missingOf, missingText, type Tool } from './profile-tools.ts';
import { type ProfileKind, profiles } from './profiles.ts';
import type { Verdict } from './verdict.ts';

export interface Wanted {
  /** In `profiles.ts`. */
  profile: string;
  /** Missed, by their names. */
  targets: string[];
}

export type Taken = Wanted &
  (
    | { kind: 'taken'; found: Profile }
    | { kind: 'failed'; why: string }
    | { kind: 'without'; tools: Tool[] }
  );

/** Each profile once, in the order of the targets. */
export function wantedProfiles(verdicts: readonly Verdict[]): Wanted[] {
  const wanted = new Map<string, string[]>();
  for (const { what, profiles } of missedTargets(verdicts))
    for (const profile of profiles) {
      const targets = wanted.get(profile) ?? [];
      wanted.set(profile, targets.includes(what) ? targets : [...targets, what]);
    }
  return [...wanted].map(([profile, targets]) => ({ profile, targets }));
}

function missedTargets(verdicts: readonly Verdict[]) {
  return verdicts.filter(({ outcome }) => outcome.kind === 'missed').map(({ target }) => target);
}

/** Hands over each as soon as it is there. One that fails is no reason to go without the rest. */
export async function takeProfiles(
  wanted: readonly Wanted[],
  handOver: (taken: Taken) => void,
  say: (sentence: string) => void,
  known: Record<string, ProfileKind> = profiles,
): Promise<void> {
  for (const [nth, one] of wanted.entries()) {
    say(`profile ${nth + 1} of ${wanted.length}, ${one.profile}`);
    handOver({ ...one, ...(await take(known[one.profile], culvert)) });
  }
}

async function take(kind: ProfileKind | undefined, contender: Contender) {
  if (kind === undefined) return { kind: 'failed', why: 'there is no such profile' } as const;
  const tools = await missingOf(kind.needs);
  if (tools.length > 0) return { kind: 'without', tools } as const;
  try {
    return { kind: 'taken', found: await kind.take(contender) } as const;
  } catch (cause) {
    return { kind: 'failed', why: inOneLine((cause as Error).message) } as const;
  }
}

/** A program's own words stand below its name, and what everybody in the lab said below that. */
function inOneLine(message: string): string {
  const [told = ''] = message.split(/^--- /m);
  const lines = told.split('\n').map((line) => line.trim());
  const line = lines.filter(Boolean).slice(0, 2).join(' ');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

const LONGEST = 200;

/** Empty when nothing was missed. */
export function missedText(verdicts: readonly Verdict[], taken: readonly Taken[]): string {
  const without = missedTargets(verdicts).filter(({ profiles }) => profiles.length === 0);
  const names = without.map(({ what }) => what).join('; ');
  const parts = [
    ...taken.map(takenText),
    ...(names === '' ? [] : [`No profile tells of: ${names}`]),
  ];
  return parts.length === 0
    ? ''
    : ['Where the time goes of what was missed', ...parts].join('\n\n');
}

function takenText(taken: Taken): string {
  const head = `${taken.profile}, for: ${taken.targets.join('; ')}`;
  if (taken.kind === 'taken') return `${head}\n${profileText(taken.found)}`;
  if (taken.kind === 'failed') return `${head}\n  It could not be taken: ${taken.why}`;
  const later = `Then: node test/bench/profile.ts ${taken.profile}`;
  return [head, ...[...taken.tools.map(missingText), later].map((line) => `  ${line}`)].join('\n');
}
