/** How a change in the log is taken back: with the same calls that make one, so it is a change like any other. */
import { z } from 'zod';
import {
  type AuditEntry,
  type Network,
  type Person,
  Person as PersonShape,
  type Profile,
  Rule,
  RuleInput,
} from '../../../contract/admin-api.ts';
import { SplitTunnel } from '../../../contract/snapshot.ts';
import { change } from '../api/queries.ts';
import { splitWithout } from './split-reversal.ts';

/** What there is now. */
export interface Present {
  networks: readonly Network[];
  people: readonly Person[];
  profiles: readonly Profile[];
}

const RangeNote = z.object({ network: z.string(), cidr: z.string() });
const NamedNote = z.object({ id: z.string(), name: z.string() });
const RoleNote = z.object({ email: z.string(), role: PersonShape.shape.role });
const SplitNote = SplitTunnel.extend({ id: z.string() });

type Reversal = () => Promise<unknown>;

/** Undefined for what cannot be taken back, or whose thing is gone. */
export function reversalOf(entry: AuditEntry, present: Present): Reversal | undefined {
  const { before, after } = entry;
  switch (entry.what) {
    case 'range added':
      return onRange(after, present, change.removeRange);
    case 'range removed':
      return onRange(before, present, change.addRange);
    case 'network renamed':
      return given(NamedNote, before, ({ id, name }) =>
        present.networks.some((network) => network.id === id)
          ? () => change.renameNetwork({ id, name })
          : undefined,
      );
    case 'rule created':
      return given(
        z.object({ id: z.string() }),
        after,
        ({ id }) =>
          () =>
            change.deleteRule(id),
      );
    case 'rule changed':
      return given(Rule, before, (rule) => () => change.updateRule(inputOf(rule)));
    case 'rule deleted':
      return given(Rule, before, (rule) => () => restoreRule(rule));
    case 'rules reordered':
      return given(z.array(z.string()), before, (ids) => () => change.orderRules(ids));
    case 'role changed':
      return given(RoleNote, before, ({ email, role }) => {
        const person = present.people.find((one) => one.email === email);
        return person && (() => change.setRole({ id: person.id, role }));
      });
    case 'split tunnel changed':
      return onSplit(entry, present);
    default:
      return undefined;
  }
}

/** Back at its old place: a rule's position is part of what it means. */
export async function restoreRule(rule: Rule): Promise<void> {
  const made = await change.createRule(RuleInput.parse(rule));
  const ids = (await change.readRules()).map(({ id }) => id).filter((id) => id !== made.id);
  ids.splice(rule.number - 1, 0, made.id);
  await change.orderRules(ids);
}

function inputOf(rule: Rule): { id: string; rule: RuleInput } {
  return { id: rule.id, rule: RuleInput.parse(rule) };
}

function onRange(
  note: unknown,
  { networks }: Present,
  act: (range: { id: string; cidr: string }) => Promise<unknown>,
): Reversal | undefined {
  return given(RangeNote, note, ({ network: name, cidr }) => {
    const network = networks.find((one) => one.name === name);
    return network && (() => act({ id: network.id, cidr }));
  });
}

/** Only what this change added goes and only what it removed comes back; later changes stay. */
function onSplit({ before, after }: AuditEntry, { profiles }: Present): Reversal | undefined {
  return given(SplitNote, before, (removed) =>
    given(SplitNote, after, (added) => {
      const profile = profiles.find(({ id }) => id === removed.id);
      if (!profile) return undefined;
      const splitTunnel = splitWithout(profile.splitTunnel, { removed, added });
      return () => change.saveProfile({ id: profile.id, splitTunnel });
    }),
  );
}

function given<T>(
  shape: z.ZodType<T>,
  note: unknown,
  then: (note: T) => Reversal | undefined,
): Reversal | undefined {
  const read = shape.safeParse(note);
  return read.success ? then(read.data) : undefined;
}
