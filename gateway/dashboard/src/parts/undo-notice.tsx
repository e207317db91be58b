/** Tells that something is done, and takes it back for ten seconds; afterwards the activity does. */
import { Button, Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { refresh } from '../api/queries.ts';
import { useReason } from '../language/use-say.ts';

const UNDO_MS = 10_000;

export function useUndoNotice(): (done: string, undo: () => Promise<unknown>) => void {
  const { t } = useTranslation();
  const reasonOf = useReason();
  const client = useQueryClient();
  return (done, undo) => {
    const takeBack = () =>
      void undo().then(
        () => {
          notifications.update({ id, message: t('common.undone'), autoClose: 4_000 });
          void refresh(client);
        },
        (error: Error) => notifications.update({ id, message: reasonOf(error), color: 'red' }),
      );
    const id = notifications.show({
      autoClose: UNDO_MS,
      closeButtonProps: { 'aria-label': t('common.close') },
      message: (
        <Group justify="space-between">
          <Text size="sm">{done}</Text>
          <Button size="xs" variant="default" onClick={takeBack}>
            {t('common.undo')}
          </Button>
        </Group>
      ),
    });
  };
}
