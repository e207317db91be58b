/** "Why can't I reach…": answered in place, one sentence, then the chain. */
import { Alert, Button, Group, List, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { WhyAnswer } from '../../../../contract/local-api.ts';
import type { Answer } from '../../../ipc/channels.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';
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
  const [result, setResult] = useState<Answer<'why'>>();
  const ask = (event: FormEvent) => {
    event.preventDefault();
    const request = readTarget(typed);
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
            onChange={(event) => setTyped(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" loading={isBusy}>
            {text.ask}
          </Button>
        </Group>
      </form>
      <div role="status" className="selectable">
        {result && 'problem' in result && (
          <Alert color="orange" p="xs">
            {say(result.problem)}
          </Alert>
        )}
        {result && 'answer' in result && <Chain answer={result.answer} />}
      </div>
    </Stack>
  );
}

function Chain({ answer }: { answer: WhyAnswer }) {
  const { text, say } = useSpeech();
  return (
    <Stack gap={4}>
      <Text size="sm" fw={600}>
        {say(answer.summary)}
      </Text>
      <List size="sm" listStyleType="none" p={0} m={0}>
        {answer.steps.map((step) => (
          <List.Item key={step.step}>
            <span aria-hidden>{marks[step.outcome]} </span>
            <b>{text.steps[step.step]}</b>: {say(step.says)}
          </List.Item>
        ))}
      </List>
    </Stack>
  );
}
