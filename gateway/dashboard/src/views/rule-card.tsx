/** One rule of the policy: what it says, and what one can do with it. */
import { ActionIcon, Group, Paper, Text } from '@mantine/core';
import IconArrowDown from '@tabler/icons-react/dist/esm/icons/IconArrowDown.mjs';
import IconArrowUp from '@tabler/icons-react/dist/esm/icons/IconArrowUp.mjs';
import IconPencil from '@tabler/icons-react/dist/esm/icons/IconPencil.mjs';
import IconTrash from '@tabler/icons-react/dist/esm/icons/IconTrash.mjs';
import { useTranslation } from 'react-i18next';
import type { Rule } from '../../../contract/admin-api.ts';
import { StatusMark } from '../parts/status-mark.tsx';

interface RuleCardProps {
  rule: Rule;
  words: string;
  edit: () => void;
  remove: () => void;
  up: (() => void) | undefined;
  down: (() => void) | undefined;
}

export function RuleCard({ rule, words, edit, remove, up, down }: RuleCardProps) {
  const { t } = useTranslation();
  const { name } = rule;
  const buttons = [
    { label: t('policy.up', { name }), Icon: IconArrowUp, act: up },
    { label: t('policy.down', { name }), Icon: IconArrowDown, act: down },
    { label: t('policy.edit', { name }), Icon: IconPencil, act: edit },
    { label: t('policy.remove', { name }), Icon: IconTrash, act: remove },
  ];
  return (
    <Paper withBorder p="md" component="article" id={rule.id} aria-label={name}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Group gap="xs" style={{ minWidth: 0 }}>
          <Text c="dimmed">#{rule.number}</Text>
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {name}
          </Text>
        </Group>
        <Group gap={4} wrap="nowrap">
          {buttons.map(({ label, Icon, act }) => (
            <ActionIcon
              key={label}
              variant="subtle"
              color="gray"
              aria-label={label}
              disabled={!act}
              onClick={act}
            >
              <Icon size={18} />
            </ActionIcon>
          ))}
        </Group>
      </Group>
      <Group gap="md" mt={4}>
        <StatusMark
          mark={rule.action === 'allow' ? 'good' : 'bad'}
          word={t(`policy.${rule.action}`)}
        />
        {!rule.enabled && <StatusMark mark="off" word={t('policy.off')} />}
        <Text size="sm" style={{ overflowWrap: 'anywhere', minWidth: 0 }}>
          {words}
        </Text>
      </Group>
    </Paper>
  );
}
