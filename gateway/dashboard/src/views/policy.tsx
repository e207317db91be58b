/** Rules in their order: the first that matches decides. */
import { Button, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Rule } from '../../../contract/admin-api.ts';
import { rules } from '../api/queries.ts';
import { Answered, Empty, Page } from '../parts/page.tsx';
import { RuleList } from './rule-list.tsx';
import { RuleSheet } from './rule-sheet.tsx';

export function PolicyView() {
  const { t } = useTranslation();
  const [edited, setEdited] = useState<Rule>();
  const [isOpen, sheet] = useDisclosure();
  const edit = (rule: Rule | undefined) => {
    setEdited(rule);
    sheet.open();
  };
  const query = useQuery(rules);
  const create = <Button onClick={() => edit(undefined)}>{t('policy.create')}</Button>;
  return (
    <Page title={t('policy.title')} actions={query.data?.length === 0 ? undefined : create}>
      <Text size="sm">{t('policy.text')}</Text>
      <RuleSheet
        key={`${edited?.id} ${isOpen}`}
        rule={edited}
        isOpen={isOpen}
        close={sheet.close}
      />
      <Answered query={query}>
        {(all) =>
          all.length === 0 ? (
            <Empty title={t('policy.emptyTitle')} text={t('policy.emptyText')}>
              {create}
            </Empty>
          ) : (
            <RuleList all={all} edit={edit} />
          )
        }
      </Answered>
    </Page>
  );
}
