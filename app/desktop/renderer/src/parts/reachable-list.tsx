/** Networks with their health: shape and word, and the reason in place. */
import { Group, Stack, Text, TextInput, Title, UnstyledButton } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { Status } from '../../../../contract/local-api.ts';
import { culvert } from '../bridge.ts';
import { useSpeech } from '../language/language.ts';
import { matchingNetworks, type Network } from './matching-networks.ts';

/** Fewer than these are found by looking. */
const FIND_FROM = 8;
/** More than these nobody reads; typing finds the rest. */
const MOST_SHOWN = 50;

export function ReachableList({ status }: { status: Status }) {
  const { text } = useSpeech();
  const { networks } = status;
  const heading = status.tunnel.kind === 'on' ? text.reachable : text.reachableWhenOn;
  const [typed, setTyped] = useState('');
  const found = matchingNetworks(networks, typed);
  const more = found.length - MOST_SHOWN;
  return (
    <Stack gap={6} component="section" aria-label={heading}>
      <Title order={2} className="section-title">
        {heading}
      </Title>
      {networks.length === 0 && <Text size="sm">{text.nothingReachable}</Text>}
      {networks.length >= FIND_FROM && (
        <TextInput
          size="xs"
          aria-label={text.find}
          placeholder={text.find}
          value={typed}
          maxLength={260}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      <ul className="networks">
        {found.slice(0, MOST_SHOWN).map((network) => (
          <NetworkLine key={network.id} network={network} />
        ))}
      </ul>
      {networks.length > 0 && found.length === 0 && <Text size="sm">{text.notFound}</Text>}
      {more > 0 && <Text size="sm">{text.hidden(more)}</Text>}
    </Stack>
  );
}

function NetworkLine({ network }: { network: Network }) {
  const { text } = useSpeech();
  const isUp = network.connectors.healthy > 0;
  return (
    <Group component="li" gap="xs" wrap="nowrap">
      <HealthDot isUp={isUp} />
      <Text size="sm" fw={500} truncate flex={1} title={network.name} className="selectable">
        {network.name}
      </Text>
      {isUp ? <Ranges ranges={network.ranges} /> : <Text size="sm">{text.connectorDown}</Text>}
    </Group>
  );
}

function HealthDot({ isUp }: { isUp: boolean }) {
  return (
    <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true" className="health">
      <circle cx="5" cy="5" r="4" fill={isUp ? 'currentColor' : 'none'} />
    </svg>
  );
}

/** A click copies the first range, which is what people paste elsewhere; all of them are in the hint. */
function Ranges({ ranges }: { ranges: string[] }) {
  const { text } = useSpeech();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const [first, ...others] = ranges;
  if (first === undefined) return null;
  const shown = others.length > 0 ? `${first} ${text.more(others.length)}` : first;
  return (
    <UnstyledButton
      className="copy"
      title={ranges.slice(0, 40).join('\n')}
      {...(isCopied ? {} : { 'aria-label': text.copy(shown) })}
      onClick={() => void culvert.copy(first).then(() => setCopied(true))}
    >
      <span role="status">{isCopied ? text.copied : shown}</span>
    </UnstyledButton>
  );
}
