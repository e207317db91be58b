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
import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Profile } from '../../../contract/admin-api.ts';
import type { SplitEntry, SplitTunnel } from '../../../contract/snapshot.ts';
import { change, profiles, useChange } from '../api/queries.ts';
import { Answered, Page, Refusal } from '../parts/page.tsx';
import { useUndoNotice } from '../parts/undo-notice.tsx';
import { SplitEffect } from './split-effect.tsx';
import { fixed } from './split-fix.ts';
import { SplitList } from './split-list.tsx';
import { SplitTrial } from './split-trial-field.tsx';

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
  const stored = profile.splitTunnel;
  // What another administrator saves meanwhile shows, unless there is a draft here to lose.
  const [base, setBase] = useState(stored);
  if (base !== stored) {
    if (sameSplit(draft, base)) setDraft(stored);
    setBase(stored);
  }
  const isChanged = useMemo(() => !sameSplit(draft, stored), [draft, stored]);
  const setList = useCallback(
    (which: 'include' | 'exclude', entries: SplitEntry[]) =>
      setDraft((now) => ({ ...now, [which]: entries })),
    [],
  );
  const discard = () => setDraft(stored);
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
          <SplitList which="include" entries={draft.include} onChange={setList} />
          <SplitList which="exclude" entries={draft.exclude} onChange={setList} />
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
        <SplitTrial draft={draft} />
        {isChanged && (
          <SplitEffect
            profileId={profile.id}
            draft={draft}
            onFix={(fix) => setDraft((now) => fixed(now, fix))}
          >
            {(isRefused) => (
              <Group justify="flex-end">
                <Button variant="default" onClick={discard}>
                  {t('profiles.discard')}
                </Button>
                <Button
                  disabled={isRefused}
                  loading={save.isPending}
                  onClick={() =>
                    save.mutate(draft, { onSuccess: (saved) => setDraft(saved.splitTunnel) })
                  }
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
function useSave({ id, splitTunnel: before }: Profile) {
  const { t } = useTranslation();
  const tell = useUndoNotice();
  return useChange(async (splitTunnel: SplitTunnel) => {
    const saved = await change.saveProfile({ id, splitTunnel });
    tell(t('common.saved'), () => change.saveProfile({ id, splitTunnel: before }));
    return saved;
  });
}

function sameSplit(left: SplitTunnel, right: SplitTunnel): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}
