/** The window: what is shown follows from the view, nothing is kept here but where one is. */
import { MantineProvider, Stack } from '@mantine/core';
import { useEffect } from 'react';
import type { View } from '../../ipc/channels.ts';
import { culvert } from './bridge.ts';
import { ReaderContext, useTick } from './language/language.ts';
import { WindowHead } from './parts/window-head.tsx';
import { theme } from './theme.ts';
import { usePlace } from './use-place.ts';
import { useView } from './use-view.ts';
import { PreferencesView } from './views/preferences-view.tsx';
import { SignedInView } from './views/signed-in-view.tsx';
import { SignedOutView } from './views/signed-out-view.tsx';
import { SigningInView } from './views/signing-in-view.tsx';
import { UnreachableView } from './views/unreachable-view.tsx';

const A_SECOND_MS = 1_000;

export function Popover() {
  const view = useView();
  useTick();
  // A view can be newer than the last tick, and nobody wants to read of milliseconds or of the future.
  const now = Date.now() + A_SECOND_MS;
  const language = view?.language ?? 'en';
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  useEscapeToHide();
  // The main process sets the colour scheme of the whole app, so the system's is always the right one here.
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <ReaderContext.Provider value={{ language, now }}>
        <Stack component="main" p="md" mih="100%" gap="sm">
          {view && <Place view={view} />}
        </Stack>
      </ReaderContext.Provider>
    </MantineProvider>
  );
}

function Place({ view }: { view: View }) {
  const [place, goTo] = usePlace();
  if (place === 'preferences') return <PreferencesView view={view} back={() => goTo('')} />;
  return (
    <>
      <WindowHead view={view} />
      <State view={view} asksWhy={place === 'why'} />
    </>
  );
}

function State({ view, asksWhy }: { view: View; asksWhy: boolean }) {
  const { status } = view;
  if (!status) return <UnreachableView problem={view.problem} />;
  const { account } = status;
  switch (account.kind) {
    case 'signed-out':
      return <SignedOutView view={view} problem={account.problem} />;
    case 'signing-in':
      return <SigningInView />;
    case 'signed-in':
      return <SignedInView view={view} status={status} account={account} asksWhy={asksWhy} />;
  }
}

/** As with any popover; an open list takes the key for itself. */
function useEscapeToHide(): void {
  useEffect(() => {
    const hide = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented) void culvert.hide();
    };
    window.addEventListener('keydown', hide);
    return () => window.removeEventListener('keydown', hide);
  }, []);
}
