/** A question before something that cuts people off; the dangerous button says what it does. */
import { Button, Group, Popover, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactElement, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

export function Confirm({
  question,
  button,
  effects,
  act,
  children,
}: {
  question: string;
  /** What the dangerous button says; “Remove” without it. */
  button?: string;
  /** What it would do; asked for when the question is. */
  effects?: ReactNode;
  act: () => void;
  children: (ask: () => void) => ReactElement;
}) {
  const { t } = useTranslation();
  const [isOpen, { open, close }] = useDisclosure();
  return (
    <Popover
      opened={isOpen}
      onChange={(next) => !next && close()}
      trapFocus
      returnFocus
      // What is asked about may be more than a button, and then those roles do not fit it.
      withRoles={false}
      withArrow
      shadow="md"
      width={300}
      position="bottom-start"
    >
      <Popover.Target>{children(open)}</Popover.Target>
      <Popover.Dropdown role="dialog" aria-label={question}>
        <Stack gap="sm">
          <Text size="sm">{question}</Text>
          {effects}
          <Group justify="flex-end" gap="xs">
            <Button size="xs" variant="default" onClick={close}>
              {t('common.cancel')}
            </Button>
            <Button
              size="xs"
              color="red"
              onClick={() => {
                close();
                act();
              }}
            >
              {button ?? t('common.remove')}
            </Button>
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
