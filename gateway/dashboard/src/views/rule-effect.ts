/** Whom and what a rule is about, in numbers, and whether an earlier rule leaves anything for it to decide. */
import type { Device, Person, Rule, RuleInput, Subject } from '../../../contract/admin-api.ts';

export interface Crowd {
  people: number;
  devices: number;
}

export function crowdOf(
  subjects: readonly Subject[],
  people: readonly Person[],
  devices: readonly Device[],
): Crowd {
  if (subjects.some(({ kind }) => kind === 'everyone'))
    return { people: people.length, devices: devices.length };
  const groups = new Set(subjects.flatMap((one) => (one.kind === 'group' ? [one.name] : [])));
  const userIds = new Set(subjects.flatMap((one) => (one.kind === 'user' ? [one.id] : [])));
  const deviceIds = new Set(subjects.flatMap((one) => (one.kind === 'device' ? [one.id] : [])));
  const members = people.filter(
    (person) => userIds.has(person.id) || person.groups.some((group) => groups.has(group)),
  );
  const memberIds = new Set(members.map(({ id }) => id));
  const theirs = devices.filter(
    (device) => memberIds.has(device.user.id) || deviceIds.has(device.id),
  );
  return {
    people: new Set([...memberIds, ...theirs.map(({ user }) => user.id)]).size,
    devices: theirs.length,
  };
}

/** The first rule before this place that matches everything this one does: then this one never decides. */
export function coveredBy(
  rule: RuleInput,
  place: number,
  rules: readonly Rule[],
): Rule | undefined {
  return rules.find((other) => other.number < place && other.enabled && covers(other, rule));
}

function covers(wide: RuleInput, narrow: RuleInput): boolean {
  return (
    coversSubjects(wide.subjects, narrow.subjects) &&
    coversList(wide.networkIds, narrow.networkIds) &&
    coversList(wide.ranges, narrow.ranges) &&
    (wide.protocol === 'any' ||
      (wide.protocol === narrow.protocol && (wide.ports.length === 0 || samePorts(wide, narrow))))
  );
}

function coversSubjects(wide: readonly Subject[], narrow: readonly Subject[]): boolean {
  if (wide.some(({ kind }) => kind === 'everyone')) return true;
  const keys = new Set(wide.map((subject) => JSON.stringify(subject)));
  return narrow.every((subject) => keys.has(JSON.stringify(subject)));
}

/** An empty list means all there is. */
function coversList(wide: readonly string[], narrow: readonly string[]): boolean {
  if (wide.length === 0) return true;
  return narrow.length > 0 && narrow.every((one) => wide.includes(one));
}

function samePorts(wide: RuleInput, narrow: RuleInput): boolean {
  return (
    narrow.ports.length > 0 &&
    narrow.ports.every(({ from, to }) =>
      wide.ports.some((range) => range.from <= from && to <= range.to),
    )
  );
}
