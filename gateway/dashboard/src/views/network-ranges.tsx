import { ActionIcon, Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Network } from '../../../contract/admin-api.ts';
import { parseCidr } from '../../../contract/net/prefix.ts';
import { refusePrefix } from '../../../contract/range-rule.ts';
import { change, useChange } from '../api/queries.ts';
import { useSay } from '../language/use-say.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Refusal } from '../parts/page.tsx';
import { useUndoNotice } from '../parts/undo-notice.tsx';
import { RemovalEffects } from './removal-effects.tsx';

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
    const prefix = parseCidr(cidr.trim());
    const refusal = prefix && refusePrefix(prefix);
    if (!prefix) return setProblem(t('networks.badRange'));
    if (refusal) return setProblem(say(refusal));
    setProblem(undefined);
    add.mutate({ id: network.id, cidr: cidr.trim() }, { onSuccess: () => setCidr('') });
  };
  return (
    <Stack gap="sm">
      {network.ranges.map((range) => (
        <Stack key={range.cidr} gap={4}>
          <Group gap="xs">
            <Text ff="monospace">{range.cidr}</Text>
            <Confirm
              question={t('networks.removeRangeConfirm', { cidr: range.cidr })}
              effects={<RemovalEffects networkId={network.id} cidr={range.cidr} />}
              act={() => remove.mutate({ id: network.id, cidr: range.cidr })}
            >
              {(ask) => (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('networks.removeRange', { cidr: range.cidr })}
                  onClick={ask}
                >
                  <IconTrash size={16} />
                </ActionIcon>
              )}
            </Confirm>
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
