/** The window: what is shown follows from the view, nothing is kept here but where one is. */
import { Box, Center, Loader, MantineProvider, Stack, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { View } from '../../ipc/channels.ts';
import { LanguageContext } from './language/language.ts';
import { words } from './language/words.ts';
import { theme } from './theme.ts';
import { useView } from './use-view.ts';
import { PreferencesView } from './views/preferences-view.tsx';
import { SignedInView } from './views/signed-in-view.tsx';
import { SignedOutView } from './views/signed-out-view.tsx';
import { SigningInView } from './views/signing-in-view.tsx';
import { UnreachableView } from './views/unreachable-view.tsx';

export function Popover() {
  const view = useView();
  const appearance = view?.preferences.appearance ?? 'system';
  const language = view?.language ?? 'en';
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      {...(appearance === 'system' ? {} : { forceColorScheme: appearance })}
    >
      <LanguageContext.Provider value={language}>
        <Box component="main" p="md" mih="100%">
          {view ? <Place view={view} /> : <Loading />}
        </Box>
      </LanguageContext.Provider>
    </MantineProvider>
  );
}

function Place({ view }: { view: View }) {
  const [place, setPlace] = useState(location.hash.slice(1));
  useEffect(() => {
    const follow = () => setPlace(location.hash.slice(1));
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);
  if (place === 'preferences')
    return (
      <PreferencesView
        view={view}
        back={() => {
          location.hash = '';
        }}
      />
    );
  const { status } = view;
  if (!status) return <UnreachableView problem={view.problem} />;
  switch (status.account.kind) {
    case 'signed-out':
      return <SignedOutView view={view} problem={status.account.problem} />;
    case 'signing-in':
      return <SigningInView />;
    case 'signed-in':
      return (
        <SignedInView
          view={view}
          status={status}
          account={status.account}
          asksWhy={place === 'why'}
        />
      );
  }
}

function Loading() {
  const text = words.en;
  return (
    <Center h={400}>
      <Stack align="center">
        <Loader aria-label={text.loading} />
        <Text size="sm">{text.loading}</Text>
      </Stack>
    </Center>
  );
}
