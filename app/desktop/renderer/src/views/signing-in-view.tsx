import { Button, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';

export function SigningInView() {
  const { text } = useSpeech();
  return (
    <Stack pt={72} align="center" gap="md">
      <Loader aria-hidden />
      <Title order={1} size="h3">
        {text.finishInBrowser}
      </Title>
      <Text size="sm" ta="center">
        {text.finishText}
      </Text>
      <Group>
        <Button variant="light" onClick={() => void culvert.openSignInAgain()}>
          {text.openAgain}
        </Button>
        <Button variant="default" onClick={() => void culvert.cancelSignIn()}>
          {text.cancel}
        </Button>
      </Group>
    </Stack>
  );
}
