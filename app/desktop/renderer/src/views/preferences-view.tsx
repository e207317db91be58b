import { Button, Group, SegmentedControl, Select, Stack, Switch, Text, Title } from '@mantine/core';
import type { Preferences, View } from '../../../ipc/channels.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';
import { ProblemAlert } from '../parts/problem-alert.tsx';

export function PreferencesView({ view, back }: { view: View; back: () => void }) {
  const { text, say } = useSpeech();
  const { preferences } = view;
  const set = (part: Partial<Preferences>) =>
    void culvert.setPreferences({ ...preferences, ...part });
  const account = view.status?.account;
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1} size="h3">
          {text.preferences}
        </Title>
        <Button variant="subtle" onClick={back}>
          {text.back}
        </Button>
      </Group>
      <Select
        label={text.language}
        allowDeselect={false}
        data={[
          { value: 'system', label: text.system },
          { value: 'en', label: 'English' },
          { value: 'ja', label: '日本語' },
        ]}
        value={preferences.language}
        onChange={(language) => language && set({ language: language as Preferences['language'] })}
      />
      <Stack gap={4}>
        <Text size="sm" fw={500} id="appearance">
          {text.appearance}
        </Text>
        <SegmentedControl
          aria-labelledby="appearance"
          orientation="vertical"
          fullWidth
          data={(['system', 'light', 'dark'] as const).map((value) => ({
            value,
            label: text[value],
          }))}
          value={preferences.appearance}
          onChange={(appearance) => set({ appearance: appearance as Preferences['appearance'] })}
        />
      </Stack>
      <Switch
        label={text.openAtLogin}
        checked={preferences.openAtLogin}
        onChange={(event) => set({ openAtLogin: event.currentTarget.checked })}
      />
      {view.refusal && <ProblemAlert text={say(view.refusal)} />}
      {account?.kind === 'signed-in' && (
        <Stack gap="xs" mt="md">
          <Text size="sm" className="selectable">
            {text.signedInAs(account.user.email)}
          </Text>
          <Text size="sm">{text.signOutText}</Text>
          <Group>
            <Button variant="default" onClick={() => void culvert.signOut().then(back)}>
              {text.signOut}
            </Button>
          </Group>
        </Stack>
      )}
    </Stack>
  );
}
