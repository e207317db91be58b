/** Whose window this is, its state as a shape, and the way to the preferences. */
import { ActionIcon, Group, Text } from '@mantine/core';
import IconSettings from '@tabler/icons-react/dist/esm/icons/IconSettings.mjs';
import type { View } from '../../../ipc/channels.ts';
import { iconState } from '../../../ipc/icon-state.ts';
import { useSpeech } from '../language/language.ts';
import { ArchMark } from './arch-mark.tsx';

export function WindowHead({ view }: { view: View }) {
  const { text } = useSpeech();
  const account = view.status?.account;
  return (
    <Group component="header" justify="space-between" wrap="nowrap" gap="xs">
      <ArchMark state={iconState(view)} />
      {account?.kind === 'signed-in' ? (
        <Text component="h1" m={0} fw={600} truncate flex={1} className="selectable">
          {account.organisation}
        </Text>
      ) : (
        <Text fw={600} flex={1}>
          {text.product}
        </Text>
      )}
      <ActionIcon
        variant="subtle"
        color="gray"
        component="a"
        href="#preferences"
        aria-label={text.preferences}
      >
        <IconSettings size={20} aria-hidden />
      </ActionIcon>
    </Group>
  );
}
