/** In place of a page: the address leads nowhere, or drawing it went wrong. */
import { Button, Code } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Empty, Page } from '../parts/page.tsx';

export function NothingHere() {
  const { t } = useTranslation();
  return (
    <Page title={t('shell.nothingHere')}>
      <Empty title={t('shell.nothingHereTitle')} text={t('shell.nothingHereText')}>
        <Button component={Link} to="/">
          {t('nav.overview')}
        </Button>
      </Empty>
    </Page>
  );
}

export function PageFailed({ error }: ErrorComponentProps) {
  const { t } = useTranslation();
  return (
    <Page title={t('shell.failed')}>
      <Empty title={t('shell.failedTitle')} text={t('shell.failedText')}>
        <Code block>{error instanceof Error ? error.message : String(error)}</Code>
        <Button onClick={() => location.reload()}>{t('shell.again')}</Button>
      </Empty>
    </Page>
  );
}
