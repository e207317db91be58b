import { Alert, Button, Stack, Text, TextInput, Title } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Problem } from '../../../../contract/local-api.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';

export function SignedOutView({ problem }: { problem: Problem | null }) {
  const { text, say } = useSpeech();
  const [link, setLink] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    void culvert.signIn(link).finally(() => setBusy(false));
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
        {problem && (
          <Alert color="orange" role="alert" className="selectable">
            {say(problem)}
          </Alert>
        )}
        <Button type="submit" size="md" loading={isBusy}>
          {text.signIn}
        </Button>
      </Stack>
    </form>
  );
}
