/** One big switch. It shows what is wanted; the words below it say what is. */
import { Stack, Text } from '@mantine/core';
import type { Status } from '../../../../contract/local-api.ts';
import type { View } from '../../../ipc/channels.ts';
import { shownState } from '../../../ipc/icon-state.ts';
import { culvert } from '../bridge.ts';
import { type Speech, useSpeech } from '../language/language.ts';

export function SwitchBlock({ view, status }: { view: View; status: Status }) {
  const speech = useSpeech();
  const { text } = speech;
  const isOn = status.wanted === 'on';
  return (
    <Stack align="center" gap="xs" py="sm">
      <button
        type="button"
        role="switch"
        aria-checked={isOn}
        aria-label={text.switchLabel}
        data-connected={status.tunnel.kind === 'on' || undefined}
        className="switch"
        onClick={() => void culvert.flipSwitch()}
      />
      <Text fz={20} fw={600} role="status">
        {text.states[shownState(view)]}
      </Text>
      <Text size="sm" ta="center" mih="1.55em" className="selectable balanced">
        {explanation(view, status, speech)}
      </Text>
    </Stack>
  );
}

/** What it is good for while it works, the reason while it does not. */
function explanation(view: View, status: Status, { text, say, when }: Speech): string {
  const { tunnel } = status;
  if (status.wanted === 'off' && view.pausedUntil !== null)
    return text.paused(when(view.pausedUntil));
  if (tunnel.kind === 'on')
    return status.wanted === 'off' ? text.wantedOff : rangesInWords(status, text);
  if (tunnel.kind === 'failed') return say(tunnel.problem);
  if (tunnel.kind === 'starting' && tunnel.problem) return say(tunnel.problem);
  if (tunnel.kind === 'reconnecting')
    return tunnel.problem
      ? text.onAgain + text.betweenSentences + say(tunnel.problem)
      : text.onAgain;
  if (tunnel.kind === 'stopping') return text.wantedOff;
  return tunnel.kind === 'off' && status.wanted === 'off' ? text.offMeans : '';
}

function rangesInWords(status: Status, text: Speech['text']): string {
  const working = status.networks.filter(({ connectors }) => connectors.healthy > 0);
  const [first, ...others] = working.flatMap(({ ranges }) => ranges);
  if (status.networks.length > 0 && working.length === 0) return text.noneReachable;
  if (first === undefined) return text.nothingReachable;
  return others.length === 0 ? first : `${first} ${text.more(others.length)}`;
}
