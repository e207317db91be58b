/** A problem as a sentence, with room for what one can do about it. */
import { Alert, Group, Text } from '@mantine/core';
import IconAlertTriangle from '@tabler/icons-react/dist/esm/icons/IconAlertTriangle.mjs';
import type { ReactNode } from 'react';

export function ProblemAlert({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <Alert
      color="orange"
      p="xs"
      role="alert"
      icon={<IconAlertTriangle size={18} aria-hidden />}
      className="problem"
      data-tone="problem"
    >
      <Text size="sm" className="selectable">
        {text}
      </Text>
      {children && (
        <Group gap="xs" mt="xs">
          {children}
        </Group>
      )}
    </Alert>
  );
}
