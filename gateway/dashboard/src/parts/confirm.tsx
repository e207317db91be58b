/** A question before something that cuts people off; the dangerous button says what it does. */
import { Button, Group, Popover, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactElement } from 'react';
import { useTranslation } from 'react-i18next';

export function Confirm({
  question,
  act,
  children,
}: {
  question: string;
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
      withArrow
      width={300}
      position="bottom-end"
    >
      <Popover.Target>{children(open)}</Popover.Target>
      <Popover.Dropdown>
        <Stack gap="sm">
          <Text size="sm">{question}</Text>
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
              {t('common.remove')}
            </Button>
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
