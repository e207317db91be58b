/** What a draft would change, asked of the gateway, with one-click fixes. */
import { Alert, Button, Group, List, Stack, Text, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { SplitTunnel } from '../../../contract/snapshot.ts';
import { preview } from '../api/queries.ts';
import { useReason, useSay } from '../language/use-say.ts';
import type { SplitFix } from './split-fix.ts';

interface SplitEffectProps {
  profileId: string;
  draft: SplitTunnel;
  onFix: (fix: SplitFix) => void;
  children: (isRefused: boolean) => ReactNode;
}

export function SplitEffect({ profileId, draft, onFix, children }: SplitEffectProps) {
  const { t } = useTranslation();
  const say = useSay();
  const reasonOf = useReason();
  const [settled] = useDebouncedValue(draft, 200);
  const { data, error } = useQuery(preview(profileId, settled));
  return (
    <Stack gap="sm" role="status">
      <Title order={3} size="h5">
        {t('profiles.effect')}
      </Title>
      {error && (
        <Alert color="red" p="xs">
          {reasonOf(error)}
        </Alert>
      )}
      {data && (
        <>
          <Text size="sm">{t('profiles.devices', { count: data.deviceCount })}</Text>
          <List size="sm">
            {data.effects.map(say).map((sentence) => (
              <List.Item key={sentence}>{sentence}</List.Item>
            ))}
          </List>
          {data.warnings.map(({ says, fix }) => (
            <Alert key={say(says)} color="orange" p="xs">
              <Group justify="space-between" wrap="nowrap">
                <Text size="sm">{say(says)}</Text>
                <Button
                  size="xs"
                  variant="default"
                  style={{ flex: 'none' }}
                  onClick={() => onFix(fix)}
                >
                  {say(fix.label)}
                </Button>
              </Group>
            </Alert>
          ))}
          {data.refusal && (
            <Alert color="red" p="xs">
              {say(data.refusal)}
            </Alert>
          )}
        </>
      )}
      {children(error !== null || (data?.refusal ?? null) !== null)}
    </Stack>
  );
}
