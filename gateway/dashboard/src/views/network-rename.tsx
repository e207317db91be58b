import { Button, Group, Popover, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Network } from '../../../contract/admin-api.ts';
import { change, useChange } from '../api/queries.ts';
import { Refusal } from '../parts/page.tsx';

export function Rename({ network: { id, name } }: { network: Network }) {
  const { t } = useTranslation();
  const [isOpen, { toggle, close }] = useDisclosure();
  return (
    <Popover
      opened={isOpen}
      onChange={(next) => !next && close()}
      trapFocus
      returnFocus
      withArrow
      shadow="md"
      width={300}
      position="bottom-start"
    >
      <Popover.Target>
        <Button variant="default" onClick={toggle}>
          {t('common.rename')}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t('common.rename')}>
        <Form key={name} id={id} name={name} close={close} />
      </Popover.Dropdown>
    </Popover>
  );
}

function Form({ id, name, close }: { id: string; name: string; close: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(name);
  const rename = useChange(change.renameNetwork);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    rename.mutate({ id, name: text }, { onSuccess: close });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <TextInput
          data-autofocus
          required
          maxLength={100}
          label={t('networks.nameLabel')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Refusal error={rename.error} />
        <Group justify="flex-end" gap="xs">
          <Button size="xs" variant="default" onClick={close}>
            {t('common.cancel')}
          </Button>
          <Button size="xs" type="submit" loading={rename.isPending}>
            {t('common.rename')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
