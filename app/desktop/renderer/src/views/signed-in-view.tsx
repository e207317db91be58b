import { ActionIcon, Alert, Button, Group, Stack, Text } from '@mantine/core';
import IconSettings from '@tabler/icons-react/dist/esm/icons/IconSettings.mjs';
import type { Account, Status } from '../../../../contract/local-api.ts';
import type { View } from '../../../ipc/channels.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';
import { ReachableList } from '../parts/reachable-list.tsx';
import { SwitchBlock } from '../parts/switch-block.tsx';
import { TrafficLine } from '../parts/traffic-line.tsx';
import { WhyBox } from '../parts/why-box.tsx';

type SignedIn = Extract<Account, { kind: 'signed-in' }>;

/** From here on a session's end is worth a line. */
const ENDS_SOON_MS = 2 * 60 * 60 * 1000;

export function SignedInView({
  view,
  status,
  account,
  asksWhy,
}: {
  view: View;
  status: Status;
  account: SignedIn;
  asksWhy: boolean;
}) {
  const { text, say, when } = useSpeech();
  return (
    <Stack gap="md">
      <Group justify="space-between" wrap="nowrap">
        <Text fw={600} truncate>
          {account.organisation}
        </Text>
        <ActionIcon
          variant="subtle"
          color="gray"
          component="a"
          href="#preferences"
          aria-label={text.preferences}
        >
          <IconSettings size={20} />
        </ActionIcon>
      </Group>
      <SwitchBlock view={view} status={status} />
      {account.expiresAt - Date.now() < ENDS_SOON_MS && (
        <Alert p="xs" color="orange">
          <Group justify="space-between" wrap="nowrap">
            <Text size="sm">{text.endsIn(when(account.expiresAt))}</Text>
            <Button size="xs" variant="default" onClick={() => void culvert.signIn('')}>
              {text.renew}
            </Button>
          </Group>
        </Alert>
      )}
      {view.signIn.problem && (
        <Alert color="orange" p="xs" role="alert">
          {say(view.signIn.problem)}
        </Alert>
      )}
      {status.notices.map((notice) => (
        <Alert key={JSON.stringify(notice.problem)} color="orange" p="xs" className="selectable">
          {say(notice.problem)}
        </Alert>
      ))}
      <ReachableList networks={status.networks} />
      <WhyBox autoFocus={asksWhy} />
      {status.tunnel.kind === 'on' && <TrafficLine status={status} />}
    </Stack>
  );
}
