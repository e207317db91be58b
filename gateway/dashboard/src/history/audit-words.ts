/** An entry of the log as a sentence: what happened, and to which thing. */
import type { TFunction } from 'i18next';
import type { AuditEntry } from '../../../contract/admin-api.ts';

type Happening = Pick<AuditEntry, 'what'> & Partial<Pick<AuditEntry, 'before' | 'after'>>;

/** "Range added: 192.168.0.0/24 (tokyo-vpc)". What we have no words for is told as the gateway tells it. */
export function auditSentence(entry: Happening, t: TFunction): string {
  const [phrase = '', detail] = entry.what.split(/: (.*)/s);
  const key = phrase.replaceAll(/[^a-z]+/g, '-');
  const words = t(`audit.${key}`, { defaultValue: capitalised(phrase) });
  const subject = subjectOf(entry) ?? detail;
  return subject === undefined ? words : t('audit.about', { words, subject });
}

function subjectOf({ before, after }: Happening): string | undefined {
  const facts = { ...asRecord(before), ...asRecord(after) };
  const name = textOf(facts.cidr) ?? textOf(facts.name) ?? textOf(facts.email);
  const place = textOf(facts.network) ?? textOf(facts.profile);
  if (name === undefined) return place;
  return place === undefined ? name : `${name} (${place})`;
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
