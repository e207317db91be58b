/** What a draft would change, asked of the gateway, with one-click fixes. */
import { Alert, Button, Group, List, Stack, Text, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { SplitTunnel } from '../../../contract/snapshot.ts';
import { preview } from '../api/queries.ts';

interface SplitEffectProps {
  profileId: string;
  draft: SplitTunnel;
  onFix: (fixed: SplitTunnel) => void;
  children: (isRefused: boolean) => ReactNode;
}

export function SplitEffect({ profileId, draft, onFix, children }: SplitEffectProps) {
  const { t } = useTranslation();
  const [settled] = useDebouncedValue(draft, 200);
  const { data, error } = useQuery(preview(profileId, settled));
  return (
    <Stack gap="sm" role="status">
      <Title order={3} size="h5">
        {t('profiles.effect')}
      </Title>
      {error && (
        <Alert color="red" p="xs">
          {error.message}
        </Alert>
      )}
      {data && (
        <>
          <Text size="sm">{t('profiles.devices', { count: data.deviceCount })}</Text>
          <List size="sm">
            {(data.effects.length > 0 ? data.effects : [t('profiles.noEffect')]).map((sentence) => (
              <List.Item key={sentence}>{sentence}</List.Item>
            ))}
          </List>
          {data.warnings.map((warning) => (
            <Alert key={warning.sentence} color="orange" p="xs">
              <Group justify="space-between" wrap="nowrap">
                <Text size="sm">{warning.sentence}</Text>
                {warning.fix && (
                  <Button
                    size="xs"
                    variant="default"
                    style={{ flex: 'none' }}
                    onClick={() => warning.fix && onFix(warning.fix)}
                  >
                    {warning.fixLabel}
                  </Button>
                )}
              </Group>
            </Alert>
          ))}
          {data.refusal && (
            <Alert color="red" p="xs">
              {data.refusal}
            </Alert>
          )}
        </>
      )}
      {children(error !== null || (data?.refusal ?? null) !== null)}
    </Stack>
  );
}
