/** A session that ends soon is renewed in the browser, and no connection drops meanwhile. */
import { Alert, Button, Group, Text } from '@mantine/core';
import type { View } from '../../../ipc/channels.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';
import { ProblemAlert } from './problem-alert.tsx';

/** From here on a session's end is worth a line. */
const ENDS_SOON_MS = 2 * 60 * 60 * 1000;

export function SessionEnd({ view, expiresAt }: { view: View; expiresAt: number }) {
  const { text, say, when, exactly, now } = useSpeech();
  const { stage, problem } = view.signIn;
  if (stage === 'in-browser') return <Renewing />;
  return (
    <>
      {expiresAt - now < ENDS_SOON_MS && (
        <Alert p="xs" color="orange" data-tone="problem">
          <Group justify="space-between" wrap="nowrap">
            <Text size="sm" title={exactly(expiresAt)}>
              {text.endsIn(when(expiresAt))}
            </Text>
            <Button
              size="xs"
              variant="default"
              flex="none"
              loading={stage === 'asking'}
              onClick={() => void culvert.signIn('')}
            >
              {text.renew}
            </Button>
          </Group>
        </Alert>
      )}
      {problem && <ProblemAlert text={say(problem)} />}
    </>
  );
}

function Renewing() {
  const { text } = useSpeech();
  return (
    <Alert p="xs" color="culvert" role="status">
      <Text size="sm">{text.finishInBrowser}</Text>
      <Group gap="xs" mt="xs">
        <Button size="xs" variant="default" onClick={() => void culvert.openSignInAgain()}>
          {text.openAgain}
        </Button>
        <Button size="xs" variant="default" onClick={() => void culvert.cancelSignIn()}>
          {text.cancel}
        </Button>
      </Group>
    </Alert>
  );
}
