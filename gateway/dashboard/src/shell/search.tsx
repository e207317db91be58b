/** Ctrl K: finds any device, person, network, rule and page by any word of it. */
import {
  Combobox,
  Kbd,
  Modal,
  ScrollArea,
  Text,
  TextInput,
  UnstyledButton,
  useCombobox,
} from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import IconSearch from '@tabler/icons-react/dist/esm/icons/IconSearch.mjs';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFound } from './search-found.ts';

export function Search() {
  const { t } = useTranslation();
  const [isOpen, { open, close }] = useDisclosure();
  useHotkeys([['mod+K', open]], []);
  return (
    <>
      <UnstyledButton className="search-button" onClick={open} aria-keyshortcuts="Control+K">
        <IconSearch size={16} aria-hidden />
        <Text span size="sm" visibleFrom="md">
          {t('search.open')}
        </Text>
        <Text span hiddenFrom="md" className="visually-hidden">
          {t('search.open')}
        </Text>
        <Kbd size="xs" visibleFrom="md" aria-hidden>
          Ctrl K
        </Kbd>
      </UnstyledButton>
      <Modal
        opened={isOpen}
        onClose={close}
        title={t('search.title')}
        size="lg"
        closeButtonProps={{ 'aria-label': t('common.close') }}
      >
        <Finder close={close} />
      </Modal>
    </>
  );
}

function Finder({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const { groups, count } = useFound(text);
  // Escape closes the list, and the list is all there is.
  const combobox = useCombobox({ opened: true, onDropdownClose: close });
  // Enter takes the first one; the arrows take the others.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever other things are found
  useEffect(() => void combobox.selectFirstOption(), [groups]);
  const go = (address: string) => {
    close();
    void navigate({ href: address });
  };
  return (
    <Combobox store={combobox} onOptionSubmit={go} withinPortal={false}>
      <Combobox.EventsTarget withExpandedAttribute>
        <TextInput
          data-autofocus
          aria-label={t('search.title')}
          placeholder={t('search.placeholder')}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      </Combobox.EventsTarget>
      <Text size="sm" c="dimmed" mt="xs" role="status">
        {text.trim() === '' ? t('search.hint') : t('search.count', { count })}
      </Text>
      <ScrollArea.Autosize mah="60vh" mt="xs" viewportProps={{ tabIndex: -1 }}>
        <Combobox.Options aria-label={t('search.title')}>
          {groups.map(({ title, things }) => (
            <Combobox.Group key={title} label={title}>
              {things.map(({ address, name, about }) => (
                <Combobox.Option key={address + name} value={address}>
                  <Text size="sm" truncate>
                    {name}
                  </Text>
                  <Text size="xs" truncate>
                    {about}
                  </Text>
                </Combobox.Option>
              ))}
            </Combobox.Group>
          ))}
        </Combobox.Options>
      </ScrollArea.Autosize>
    </Combobox>
  );
}
