/** State by shape, colour and word together: solid, half, outlined. */
import { Group, Text } from '@mantine/core';

export type Mark = 'good' | 'partial' | 'bad' | 'off';

const looks: Record<Mark, { color: string; fill: number }> = {
  good: { color: 'var(--mantine-color-green-text)', fill: 1 },
  partial: { color: 'var(--mantine-color-orange-text)', fill: 0.5 },
  bad: { color: 'var(--mantine-color-red-text)', fill: 0 },
  off: { color: 'var(--mantine-color-dimmed)', fill: 0 },
};

export function StatusMark({ mark, word }: { mark: Mark; word: string }) {
  const { color, fill } = looks[mark];
  return (
    <Group gap={6} wrap="nowrap">
      <svg
        width="12"
        height="12"
        viewBox="0 0 12 12"
        aria-hidden="true"
        style={{ color, flex: 'none' }}
      >
        <circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" strokeWidth="1.6" />
        {fill > 0 && (
          <path
            d={fill === 1 ? 'M6 1a5 5 0 0 1 0 10a5 5 0 0 1 0-10' : 'M6 1a5 5 0 0 0 0 10z'}
            fill="currentColor"
          />
        )}
        {mark === 'bad' && (
          <path d="M3.8 3.8l4.4 4.4M8.2 3.8L3.8 8.2" stroke="currentColor" strokeWidth="1.6" />
        )}
      </svg>
      <Text span size="sm">
        {word}
      </Text>
    </Group>
  );
}
