/** Frame of a page: one heading, its actions, and the three things a question can come to. */
import { Alert, Button, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import type { UseQueryResult } from '@tanstack/react-query';
import { useLocation } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Refused } from '../api/client.ts';
import { useReason } from '../language/use-say.ts';

export function Page({
  title,
  actions,
  children,
}: {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  useDocumentTitle(`${title} · Culvert`);
  const heading = useFocusAfterNavigation();
  return (
    <Stack gap="lg">
      <Group justify="space-between" gap="sm">
        <Title
          ref={heading}
          tabIndex={-1}
          order={1}
          size="h2"
          style={{ overflowWrap: 'anywhere', minWidth: 0 }}
        >
          {title}
        </Title>
        {actions}
      </Group>
      {children}
    </Stack>
  );
}

let isFirstPage = true;

/** Who navigates by keyboard or listens to the page goes on where the new page begins. The first page leaves the focus alone. */
function useFocusAfterNavigation() {
  const heading = useRef<HTMLHeadingElement>(null);
  const { pathname } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another address is another page
  useEffect(() => {
    if (!isFirstPage) heading.current?.focus();
    isFirstPage = false;
  }, [pathname]);
  return heading;
}

export function Answered<T>({
  query,
  children,
}: {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
}) {
  const { t } = useTranslation();
  const reasonOf = useReason();
  if (query.data !== undefined) return children(query.data);
  if (query.isPending) return <Loader role="status" aria-label={t('shell.loading')} />;
  const isRefused = query.error instanceof Refused && query.error.status !== 0;
  return (
    <Alert color="red" title={t(isRefused ? 'shell.refused' : 'shell.unreachable')}>
      <Stack align="flex-start">
        {query.error && <Text size="sm">{reasonOf(query.error)}</Text>}
        <Button variant="default" onClick={() => void query.refetch()}>
          {t('shell.again')}
        </Button>
      </Stack>
    </Alert>
  );
}

/** An empty list teaches: what it is, why one wants it, the one button. */
export function Empty({
  title,
  text,
  children,
}: {
  title: string;
  text: string;
  children?: ReactNode;
}) {
  return (
    <Stack align="flex-start" maw={620} py="xl">
      <Title order={2} size="h3">
        {title}
      </Title>
      <Text>{text}</Text>
      {children}
    </Stack>
  );
}

/** The sentence of a refused change, where the change was asked for. */
export function Refusal({ error }: { error: Error | null }) {
  const reasonOf = useReason();
  if (!error) return null;
  return (
    <Alert color="red" role="alert" p="xs">
      {reasonOf(error)}
    </Alert>
  );
}
