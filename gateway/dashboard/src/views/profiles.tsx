/** Split tunnel of a profile: both lists, what is not in them, and what saving would change, before it is saved. */
import {
  Button,
  Group,
  Paper,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Profile } from '../../../contract/admin-api.ts';
import type { SplitTunnel } from '../../../contract/snapshot.ts';
import { change, profiles, useChange } from '../api/queries.ts';
import { Answered, Page, Refusal } from '../parts/page.tsx';
import { SplitEffect } from './split-effect.tsx';
import { SplitList } from './split-list.tsx';

export function ProfilesView() {
  const { t } = useTranslation();
  return (
    <Page title={t('profiles.title')}>
      <Answered query={useQuery(profiles)}>
        {(all) => (
          <>
            {all.map((profile) => (
              <Editor key={profile.id} profile={profile} />
            ))}
          </>
        )}
      </Answered>
    </Page>
  );
}

function Editor({ profile }: { profile: Profile }) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState<SplitTunnel>(profile.splitTunnel);
  const save = useSave(profile);
  const stored = JSON.stringify(profile.splitTunnel);
  useEffect(() => setDraft(JSON.parse(stored) as SplitTunnel), [stored]);
  const isChanged = JSON.stringify(draft) !== stored;
  const paths = (['direct', 'tunnel'] as const).map((value) => ({
    value,
    label: t(`profiles.${value}`),
  }));
  return (
    <Paper withBorder p="lg" component="section" aria-label={profile.name}>
      <Stack>
        <Group justify="space-between">
          <Title order={2} size="h4">
            {profile.name}
          </Title>
          <Text size="sm" c="dimmed">
            {t('profiles.devices', { count: profile.deviceCount })}
          </Text>
        </Group>
        <Text size="sm">{t('profiles.splitText')}</Text>
        <SimpleGrid cols={{ base: 1, md: 2 }}>
          <SplitList
            which="include"
            entries={draft.include}
            onChange={(include) => setDraft({ ...draft, include })}
          />
          <SplitList
            which="exclude"
            entries={draft.exclude}
            onChange={(exclude) => setDraft({ ...draft, exclude })}
          />
        </SimpleGrid>
        <Stack gap={4}>
          <Text size="sm" fw={600} id={`default-${profile.id}`}>
            {t('profiles.defaultPath')}
          </Text>
          <SegmentedControl
            aria-labelledby={`default-${profile.id}`}
            data={paths}
            value={draft.defaultPath}
            onChange={(path) =>
              setDraft({ ...draft, defaultPath: path as SplitTunnel['defaultPath'] })
            }
          />
        </Stack>
        {isChanged && (
          <SplitEffect profileId={profile.id} draft={draft} onFix={setDraft}>
            {(isRefused) => (
              <Group justify="flex-end">
                <Button variant="default" onClick={() => setDraft(profile.splitTunnel)}>
                  {t('profiles.discard')}
                </Button>
                <Button
                  disabled={isRefused}
                  loading={save.isPending}
                  onClick={() => save.mutate(draft)}
                >
                  {t('profiles.save')}
                </Button>
              </Group>
            )}
          </SplitEffect>
        )}
        <Refusal error={save.error} />
      </Stack>
    </Paper>
  );
}

/** Saves, and offers to take it back for ten seconds. */
function useSave(profile: Profile) {
  const { t } = useTranslation();
  return useChange(async (splitTunnel: SplitTunnel) => {
    const before = profile.splitTunnel;
    await change.saveProfile({ id: profile.id, splitTunnel });
    const id = notifications.show({
      autoClose: 10_000,
      message: (
        <Group justify="space-between">
          <Text size="sm">{t('common.saved')}</Text>
          <Button
            size="xs"
            variant="default"
            onClick={() =>
              void change
                .saveProfile({ id: profile.id, splitTunnel: before })
                .then(() => notifications.update({ id, message: t('profiles.undone') }))
            }
          >
            {t('common.undo')}
          </Button>
        </Group>
      ),
    });
  });
}
