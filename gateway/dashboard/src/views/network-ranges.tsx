import { ActionIcon, Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Network } from '../../../contract/admin-api.ts';
import { Cidr } from '../../../contract/net/text.ts';
import { change, useChange } from '../api/queries.ts';
import { useSay } from '../language/use-say.ts';
import { Refusal } from '../parts/page.tsx';
import { useUndoNotice } from '../parts/undo-notice.tsx';

export function NetworkRanges({ network }: { network: Network }) {
  const { t } = useTranslation();
  const say = useSay();
  const [cidr, setCidr] = useState('');
  const [problem, setProblem] = useState<string>();
  const add = useChange(change.addRange);
  const tell = useUndoNotice();
  const remove = useChange(async (range: { id: string; cidr: string }) => {
    await change.removeRange(range);
    tell(t('networks.rangeRemoved', range), () => change.addRange(range));
  });
  const taken = new Set(network.ranges.map((range) => range.cidr));
  const suggestions = [
    ...new Set(network.connectors.flatMap((connector) => connector.suggestions)),
  ].filter((one) => !taken.has(one));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!Cidr.safeParse(cidr.trim()).success) return setProblem(t('networks.badRange'));
    setProblem(undefined);
    add.mutate({ id: network.id, cidr: cidr.trim() }, { onSuccess: () => setCidr('') });
  };
  return (
    <Stack gap="sm">
      {network.ranges.map((range) => (
        <Stack key={range.cidr} gap={4}>
          <Group gap="xs">
            <Text ff="monospace">{range.cidr}</Text>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('networks.removeRange', { cidr: range.cidr })}
              onClick={() => remove.mutate({ id: network.id, cidr: range.cidr })}
            >
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
          {range.problem && (
            <Alert color="orange" p="xs">
              {say(range.problem)}
            </Alert>
          )}
        </Stack>
      ))}
      <form onSubmit={submit}>
        <Group align="flex-end" gap="xs">
          <TextInput
            label={t('networks.addRange')}
            placeholder={t('networks.rangePlaceholder')}
            value={cidr}
            error={problem}
            onChange={(event) => setCidr(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" loading={add.isPending}>
            {t('networks.add')}
          </Button>
        </Group>
      </form>
      {suggestions.length > 0 && (
        <Group gap="xs">
          <Text size="sm">{t('networks.suggested')}</Text>
          {suggestions.map((one) => (
            <Button
              key={one}
              variant="light"
              size="compact-sm"
              onClick={() => add.mutate({ id: network.id, cidr: one })}
            >
              {one}
            </Button>
          ))}
        </Group>
      )}
      <Refusal error={add.error ?? remove.error} />
    </Stack>
  );
}
