/** Pages for people who are not signed in, or who are and administer nothing. */
import { Button, Center, Paper, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Session } from '../../../contract/admin-api.ts';
import { Copyable } from '../parts/copyable.tsx';

export function SignInPage() {
  const { t } = useTranslation();
  const back = encodeURIComponent(location.pathname + location.search);
  return (
    <Card title={t('shell.signInTitle')}>
      <Text>{t('shell.signInText')}</Text>
      <Button component="a" href={`/login?return=${back}`} size="md">
        {t('shell.signIn')}
      </Button>
    </Card>
  );
}

export function MemberPage({ session }: { session: Session }) {
  const { t } = useTranslation();
  return (
    <Card title={t('shell.memberTitle')}>
      <Text>{t('shell.memberText', { email: session.user.email })}</Text>
      <Copyable text={session.joinLink} label={session.organisation.name} />
    </Card>
  );
}

function Card({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" w="100%" maw={460}>
        <Stack align="stretch">
          <img src="/culvert.svg" width={44} height={44} alt="" />
          <Title order={1} size="h3">
            {title}
          </Title>
          {children}
        </Stack>
      </Paper>
    </Center>
  );
}
