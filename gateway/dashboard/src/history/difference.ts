/** What differs between before and after, field by field, in lines a person can read. */
import { asRecord } from './audit-words.ts';

export interface FieldChange {
  field: string;
  before: string[];
  after: string[];
}

/** Of long lists only what came and what went, unless all that changed is their order. */
export function differences(before: unknown, after: unknown): FieldChange[] {
  const was = fieldsOf(before);
  const is = fieldsOf(after);
  const fields = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return fields.flatMap((field) => {
    const [left, right] = [lines(was[field]), lines(is[field])];
    if (left.join('\n') === right.join('\n')) return [];
    const gone = without(left, right);
    const come = without(right, left);
    const isReordered = gone.length === 0 && come.length === 0;
    return [{ field, before: isReordered ? left : gone, after: isReordered ? right : come }];
  });
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (Array.isArray(value)) return { order: value };
  return asRecord(value);
}

function lines(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(lineOf) : [lineOf(value)];
}

/** Entries of lists, ports and subjects as they are written elsewhere; anything else as it is stored. */
function lineOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { cidr, domain, note, from, to, kind, id, name } = asRecord(value);
  const entry = cidr ?? domain;
  if (typeof entry === 'string') return typeof note === 'string' ? `${entry}  ${note}` : entry;
  if (typeof from === 'number') return from === to ? `${from}` : `${from}-${String(to)}`;
  const thing = name ?? id;
  if (typeof kind === 'string') return typeof thing === 'string' ? `${kind} ${thing}` : kind;
  return JSON.stringify(value);
}

function without(all: string[], others: string[]): string[] {
  const known = new Set(others);
  return all.filter((one) => !known.has(one));
}
