/** Networks with their health: shape and word, and the reason in place. */
import { Box, Group, Stack, Text, Title } from '@mantine/core';
import type { Status } from '../../../../contract/local-api.ts';
import { useSpeech } from '../language/language.ts';

type Network = Status['networks'][number];

/** More than these scroll inside their own box, so that the switch stays in sight. */
export function ReachableList({ networks }: { networks: Network[] }) {
  const { text } = useSpeech();
  return (
    <Stack gap={6} component="section" aria-label={text.reachable}>
      <Title order={2} size="xs" tt="uppercase">
        {text.reachable}
      </Title>
      {networks.length === 0 && <Text size="sm">{text.nothingReachable}</Text>}
      <Box mah={150} style={{ overflowY: 'auto' }} tabIndex={networks.length > 6 ? 0 : undefined}>
        {networks.map((network) => (
          <NetworkLine key={network.id} network={network} />
        ))}
      </Box>
    </Stack>
  );
}

function NetworkLine({ network }: { network: Network }) {
  const { text } = useSpeech();
  const isUp = network.connectors.healthy > 0;
  const [first = '', ...others] = network.ranges;
  return (
    <Group gap="xs" wrap="nowrap" py={2} style={{ contentVisibility: 'auto' }}>
      <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" style={{ flex: 'none' }}>
        <circle
          cx="5"
          cy="5"
          r="4"
          fill={isUp ? 'currentColor' : 'none'}
          stroke="currentColor"
          strokeWidth="1.5"
        />
      </svg>
      <Text size="sm" fw={500} truncate style={{ flex: 1 }}>
        {network.name}
      </Text>
      <Text size="sm" {...(isUp ? { ff: 'monospace' } : {})} className="selectable" truncate>
        {isUp
          ? `${first}${others.length > 0 ? ` ${text.more(others.length)}` : ''}`
          : text.connectorDown}
      </Text>
    </Group>
  );
}
