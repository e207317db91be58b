import { Alert, Stack, Title } from '@mantine/core';
import type { Problem } from '../../../../contract/local-api.ts';
import { useSpeech } from '../language/language.ts';

export function UnreachableView({ problem }: { problem: Problem | null }) {
  const { text, say } = useSpeech();
  return (
    <Stack pt="xl">
      <Title order={1} size="h3">
        {text.cannotConnect}
      </Title>
      {problem && (
        <Alert color="orange" role="status" className="selectable">
          {say(problem)}
        </Alert>
      )}
    </Stack>
  );
}
