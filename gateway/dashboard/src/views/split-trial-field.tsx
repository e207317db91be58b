/** "Where does 192.168.0.10 go?" answered for the lists as they stand in the editor, saved or not. */
import { Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { splitPolicy } from '../../../contract/decide/policy.ts';
import type { SplitTunnel } from '../../../contract/snapshot.ts';
import { networks } from '../api/queries.ts';
import { trialOf } from './split-trial.ts';

export function SplitTrial({ draft }: { draft: SplitTunnel }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const { data: allNetworks } = useQuery(networks);
  const isAsked = text.trim() !== '';
  const settled = useDeferredValue(draft);
  const policy = useMemo(
    () =>
      isAsked ? splitPolicy({ splitTunnel: settled, networks: rangesOf(allNetworks) }) : undefined,
    [isAsked, settled, allNetworks],
  );
  const answer = policy && trialOf(text, policy);
  return (
    <Stack gap={4}>
      <TextInput
        label={t('profiles.trial')}
        description={t('profiles.trialText')}
        placeholder="192.168.0.10"
        maw={420}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <Text size="sm" role="status">
        {answer && t(`profiles.trials.${answer.kind}`, { ...answer.parts })}
      </Text>
    </Stack>
  );
}

function rangesOf(all: { id: string; name: string; ranges: { cidr: string }[] }[] = []) {
  return all.map(({ id, name, ranges }) => ({ id, name, ranges: ranges.map(({ cidr }) => cidr) }));
}
