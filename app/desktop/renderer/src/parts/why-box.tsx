/** "Why can't I reach…": answered in place, one sentence, then the chain. */
import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import type { WhyAnswer } from '../../../../contract/local-api.ts';
import type { Answer } from '../../../ipc/channels.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';
import { ProblemAlert } from './problem-alert.tsx';
import { readTarget } from './why-target.ts';

const marks: Record<WhyAnswer['steps'][number]['outcome'], string> = {
  ok: '✓',
  stop: '✗',
  unknown: '?',
  skipped: '–',
};

export function WhyBox({ autoFocus }: { autoFocus: boolean }) {
  const { text, say } = useSpeech();
  const [typed, setTyped] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [isUnreadable, setUnreadable] = useState(false);
  const [result, setResult] = useState<Answer<'why'>>();
  const ask = (event: FormEvent) => {
    event.preventDefault();
    const request = readTarget(typed);
    setUnreadable(!request);
    if (!request) return;
    setBusy(true);
    void culvert
      .why(request)
      .then(setResult)
      .finally(() => setBusy(false));
  };
  return (
    <Stack gap="xs">
      <form onSubmit={ask}>
        <Group gap="xs" align="flex-end" wrap="nowrap">
          <TextInput
            style={{ flex: 1 }}
            autoFocus={autoFocus}
            label={text.whyLabel}
            placeholder={text.whyPlaceholder}
            value={typed}
            maxLength={260}
            error={isUnreadable}
            aria-describedby={isUnreadable ? 'why-unreadable' : undefined}
            onChange={(event) => {
              setTyped(event.currentTarget.value);
              setUnreadable(false);
              // An answer about another address would mislead.
              setResult(undefined);
            }}
          />
          <Button type="submit" variant="default" loading={isBusy}>
            {text.ask}
          </Button>
        </Group>
        {isUnreadable && (
          <Text id="why-unreadable" role="alert" size="sm" c="var(--mantine-color-error)" mt={4}>
            {text.whyUnreadable}
          </Text>
        )}
      </form>
      <div role="status" className="selectable">
        {result && 'problem' in result && <ProblemAlert text={say(result.problem)} />}
        {result && 'answer' in result && <Chain answer={result.answer} />}
      </div>
    </Stack>
  );
}

function Chain({ answer }: { answer: WhyAnswer }) {
  const { text, say } = useSpeech();
  const end = useRef<HTMLOListElement>(null);
  useEffect(() => end.current?.scrollIntoView({ block: 'end' }), []);
  return (
    <Stack gap={4}>
      <Text size="sm" fw={600}>
        {say(answer.summary)}
      </Text>
      <ol className="chain" ref={end}>
        {answer.steps.map(({ step, outcome, says }) => (
          <li key={step}>
            <span role="img" aria-label={text.outcomes[outcome]}>
              {marks[outcome]}
            </span>
            <span>{text.steps[step]}</span>
            <span>{say(says)}</span>
          </li>
        ))}
      </ol>
    </Stack>
  );
}
