import { Button, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';

export function SigningInView() {
  const { text } = useSpeech();
  return (
    <Stack align="center" justify="center" gap="md" flex={1} pb={48}>
      <Loader type="bars" aria-hidden />
      <div role="status">
        <Title order={1} size="h3" ta="center">
          {text.finishInBrowser}
        </Title>
        <Text size="sm" ta="center" mt="xs" className="balanced">
          {text.finishText}
        </Text>
      </div>
      <Group justify="center">
        <Button onClick={() => void culvert.openSignInAgain()}>{text.openAgain}</Button>
        <Button variant="default" onClick={() => void culvert.cancelSignIn()}>
          {text.cancel}
        </Button>
      </Group>
    </Stack>
  );
}
