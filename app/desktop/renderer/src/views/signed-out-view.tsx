import { Alert, Button, Stack, Text, TextInput, Title } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Problem } from '../../../../contract/local-api.ts';
import type { View } from '../../../ipc/channels.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';

export function SignedOutView({ view, problem }: { view: View; problem: Problem | null }) {
  const { text, say } = useSpeech();
  const [link, setLink] = useState('');
  const { stage, problem: refusal } = view.signIn;
  const shown = stage === 'idle' ? (refusal ?? problem) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void culvert.signIn(link);
  };
  return (
    <form onSubmit={submit}>
      <Stack pt={48} gap="lg">
        <Title order={1} size="h2">
          {text.product}
        </Title>
        <div>
          <Text fw={600}>{text.welcome}</Text>
          <Text size="sm">{text.welcomeText}</Text>
        </div>
        <TextInput
          autoFocus
          label={text.linkLabel}
          value={link}
          maxLength={2000}
          onChange={(event) => setLink(event.currentTarget.value)}
        />
        {shown && (
          <Alert color="orange" role="alert" className="selectable">
            {say(shown)}
          </Alert>
        )}
        <Button type="submit" size="md" loading={stage === 'asking'}>
          {text.signIn}
        </Button>
      </Stack>
    </form>
  );
}
