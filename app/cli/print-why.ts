/** The chain of `culvert why`: the answer in one sentence, then each link with a mark that needs no colour. */
import type { WhyAnswer } from '../contract/local-api.ts';
import { padCells, sentence, type View, widest } from './view.ts';
import { WORDS } from './words.ts';

type Step = WhyAnswer['steps'][number];

const MARKS: Record<Step['outcome'], string> = { ok: '✓', stop: '✗', unknown: '?', skipped: '–' };

export function whyLines(answer: WhyAnswer, view: View): string[] {
  const names = answer.steps.map((step) => nameOf(step, answer, view));
  const width = widest(names) + 2;
  const chain = answer.steps.map((step, index) => {
    const line = ` ${MARKS[step.outcome]} ${padCells(names[index] ?? '', width)}${sentence(step.says, view)}`;
    return paint(line, step.outcome, view);
  });
  return [view.colors.bold(sentence(answer.summary, view)), ...chain];
}

function nameOf({ step }: Step, answer: WhyAnswer, view: View): string {
  const { steps } = WORDS[view.language];
  return step === 'split-tunnel' ? steps[step][answer.path] : steps[step];
}

function paint(line: string, outcome: Step['outcome'], { colors }: View): string {
  if (outcome === 'stop') return colors.red(line);
  return outcome === 'skipped' ? colors.dim(line) : line;
}
