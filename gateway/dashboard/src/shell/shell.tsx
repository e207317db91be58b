/** Frame of every page, and what stands in its place for people who are not signed in or not administrators. */
import { Anchor, AppShell, Box, Burger, Center, Group, Loader, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';
import type { MouseEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Session } from '../../../contract/admin-api.ts';
import { Refused } from '../api/client.ts';
import { useChangeEvents } from '../api/events.ts';
import { session } from '../api/queries.ts';
import { Answered } from '../parts/page.tsx';
import { AccountMenu } from './account-menu.tsx';
import { LostNotice } from './lost-notice.tsx';
import { Navigation } from './navigation.tsx';
import { MemberPage, SignInPage } from './outside.tsx';
import { RevisionState } from './revision-state.tsx';
import { Search } from './search.tsx';

export function Shell() {
  const { t } = useTranslation();
  const query = useQuery(session);
  if (query.isPending)
    return (
      <Center h="100vh">
        <Loader aria-label={t('shell.loading')} />
      </Center>
    );
  if (query.error instanceof Refused && query.error.status === 401) return <SignInPage />;
  return (
    <Answered query={query}>
      {(data) =>
        data.role === 'member' ? <MemberPage session={data} /> : <Frame session={data} />
      }
    </Answered>
  );
}

function Frame({ session }: { session: Session }) {
  const { t } = useTranslation();
  const [isOpen, menu] = useDisclosure();
  const lostAt = useChangeEvents();
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding="lg"
    >
      <Anchor href="#content" className="skip-link" onClick={skipToContent}>
        {t('shell.skip')}
      </Anchor>
      <AppShell.Header px="md">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap" style={{ minWidth: 0 }}>
            <Burger
              opened={isOpen}
              onClick={menu.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t('shell.menu')}
            />
            <img src="/culvert.svg" width={26} height={26} alt="" />
            <Text fw={600} truncate>
              {session.organisation.name}
            </Text>
          </Group>
          <Group gap="md" wrap="nowrap">
            <Search />
            <RevisionState />
            <AccountMenu session={session} />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm">
        <Navigation onChoose={menu.close} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} style={{ outline: 'none' }}>
        <Box maw={1200} mx="auto">
          <LostNotice lostAt={lostAt} />
          <Outlet />
        </Box>
      </AppShell.Main>
    </AppShell>
  );
}

/** The address is the page's own; only the focus moves. */
function skipToContent(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}
