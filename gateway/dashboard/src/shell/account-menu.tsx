import { Button, Menu, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Session } from '../../../contract/admin-api.ts';
import { change } from '../api/queries.ts';
import { chooseLanguage, type Language, languages } from '../language/language.ts';

export function AccountMenu({ session }: { session: Session }) {
  const { t, i18n } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const other = scheme === 'dark' ? 'light' : 'dark';
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="subtle" color="gray" px="xs">
          {session.user.name || session.user.email}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{session.user.email}</Menu.Label>
        <Menu.Item onClick={() => setColorScheme(other)}>{t(`shell.${other}`)}</Menu.Item>
        {(Object.keys(languages) as Language[])
          .filter((language) => language !== i18n.language)
          .map((language) => (
            <Menu.Item key={language} lang={language} onClick={() => chooseLanguage(language)}>
              {languages[language]}
            </Menu.Item>
          ))}
        <Menu.Divider />
        <Menu.Item onClick={() => void change.endSession().then(() => location.assign('/'))}>
          {t('shell.signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
