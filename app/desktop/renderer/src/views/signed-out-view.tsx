import { Button, Stack, Text, TextInput, Title } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Problem } from '../../../../contract/local-api.ts';
import type { View } from '../../../ipc/channels.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';
import { ProblemAlert } from '../parts/problem-alert.tsx';

/** `problem`: why nobody is signed in any more, where culvertd knows. */
export function SignedOutView({ view, problem }: { view: View; problem: Problem | null }) {
  const { text, say } = useSpeech();
  const [link, setLink] = useState('');
  const { stage, problem: refusal } = view.signIn;
  const shown = stage === 'idle' ? (refusal ?? view.refusal ?? problem) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void culvert.signIn(link);
  };
  return (
    <form onSubmit={submit}>
      <Stack pt="lg" gap="lg">
        <div>
          <Title order={1} size="h3">
            {text.welcome}
          </Title>
          <Text size="sm" mt={4}>
            {text.welcomeText}
          </Text>
        </div>
        <TextInput
          autoFocus
          label={text.linkLabel}
          placeholder="https://"
          value={link}
          maxLength={2000}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setLink(event.currentTarget.value)}
        />
        {shown && <ProblemAlert text={say(shown)} />}
        <Button type="submit" size="md" loading={stage === 'asking'}>
          {text.signIn}
        </Button>
      </Stack>
    </form>
  );
}
