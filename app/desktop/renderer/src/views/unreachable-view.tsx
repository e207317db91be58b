import { Loader, Stack, Text, Title } from '@mantine/core';
import type { Problem } from '../../../../contract/local-api.ts';
import { useSpeech } from '../language/language.ts';
import { ProblemAlert } from '../parts/problem-alert.tsx';

export function UnreachableView({ problem }: { problem: Problem | null }) {
  const { text, say } = useSpeech();
  if (!problem)
    return (
      <Stack align="center" justify="center" flex={1}>
        <Loader aria-hidden />
        <Text size="sm" role="status">
          {text.loading}
        </Text>
      </Stack>
    );
  return (
    <Stack gap="md" pt="md">
      <Title order={1} size="h3">
        {text.states['cannot-connect']}
      </Title>
      <ProblemAlert text={say(problem)} />
      <Text size="sm">{text.looksAgain}</Text>
    </Stack>
  );
}
