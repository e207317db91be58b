/** The ranges of a network: what there is, what can be added, what its connectors suggest. */
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

type AddChange = ReturnType<typeof useChange<{ id: string; cidr: string }, unknown>>;

export function NetworkRanges({ network }: { network: Network }) {
  const { t } = useTranslation();
  const add = useChange(change.addRange);
  const tell = useUndoNotice();
  const remove = useChange(async (range: { id: string; cidr: string }) => {
    await change.removeRange(range);
    tell(t('networks.rangeRemoved', range), () => change.addRange(range));
  });
  return (
    <Stack gap="sm">
      {network.ranges.map((range) => (
        <Range
          key={range.cidr}
          networkId={network.id}
          range={range}
          remove={() => remove.mutate({ id: network.id, cidr: range.cidr })}
        />
      ))}
      <AddRange networkId={network.id} add={add} />
      <Suggestions network={network} add={(cidr) => add.mutate({ id: network.id, cidr })} />
      <Refusal error={add.error ?? remove.error} />
    </Stack>
  );
}

function Range({
  networkId,
  range: { cidr, problem },
  remove,
}: {
  networkId: string;
  range: Network['ranges'][number];
  remove: () => void;
}) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <Stack gap={4}>
      <Group gap="xs">
        <Text ff="monospace">{cidr}</Text>
        <Confirm
          question={t('networks.removeRangeConfirm', { cidr })}
          effects={<RemovalEffects networkId={networkId} cidr={cidr} />}
          act={remove}
        >
          {(ask) => (
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t('networks.removeRange', { cidr })}
              onClick={ask}
            >
              <IconTrash size={16} />
            </ActionIcon>
          )}
        </Confirm>
      </Group>
      {problem && (
        <Alert color="orange" p="xs">
          {say(problem)}
        </Alert>
      )}
    </Stack>
  );
}

/** What is no range at all is told at once; the gateway refuses the rest in words. */
function AddRange({ networkId, add }: { networkId: string; add: AddChange }) {
  const { t } = useTranslation();
  const say = useSay();
  const [cidr, setCidr] = useState('');
  const [problem, setProblem] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const prefix = parseCidr(cidr.trim());
    const refusal = prefix && refusePrefix(prefix);
    if (!prefix) return setProblem(t('networks.badRange'));
    if (refusal) return setProblem(say(refusal));
    setProblem(undefined);
    add.mutate({ id: networkId, cidr: cidr.trim() }, { onSuccess: () => setCidr('') });
  };
  return (
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
  );
}

/** Where its connectors stand, less what it has already. */
function Suggestions({ network, add }: { network: Network; add: (cidr: string) => void }) {
  const { t } = useTranslation();
  const taken = new Set(network.ranges.map(({ cidr }) => cidr));
  const all = new Set(network.connectors.flatMap(({ suggestions }) => suggestions));
  const free = [...all].filter((one) => !taken.has(one));
  if (free.length === 0) return null;
  return (
    <Group gap="xs">
      <Text size="sm">{t('networks.suggested')}</Text>
      {free.map((one) => (
        <Button key={one} variant="light" size="compact-sm" onClick={() => add(one)}>
          {one}
        </Button>
      ))}
    </Group>
  );
}
