import { Stack } from '@mantine/core';
import type { Account, Status } from '../../../../contract/local-api.ts';
import type { View } from '../../../ipc/channels.ts';
import { useSpeech } from '../language/language.ts';
import { ProblemAlert } from '../parts/problem-alert.tsx';
import { ReachableList } from '../parts/reachable-list.tsx';
import { SessionEnd } from '../parts/session-end.tsx';
import { SwitchBlock } from '../parts/switch-block.tsx';
import { TrafficLine } from '../parts/traffic-line.tsx';
import { WhyBox } from '../parts/why-box.tsx';

export interface SignedIn {
  view: View;
  status: Status;
  account: Extract<Account, { kind: 'signed-in' }>;
  asksWhy: boolean;
}

export function SignedInView({ view, status, account, asksWhy }: SignedIn) {
  const { say } = useSpeech();
  // The session's end has its own line, with a button.
  const notices = status.notices.filter(({ problem }) => problem.code !== 'session-ends-soon');
  return (
    <Stack gap="md" flex={1}>
      <SwitchBlock view={view} status={status} />
      {view.refusal && <ProblemAlert text={say(view.refusal)} />}
      <SessionEnd view={view} expiresAt={account.expiresAt} />
      {notices.map(({ problem }) => (
        <ProblemAlert key={JSON.stringify(problem)} text={say(problem)} />
      ))}
      <ReachableList status={status} />
      <WhyBox autoFocus={asksWhy} />
      {status.tunnel.kind === 'on' && <TrafficLine status={status} />}
    </Stack>
  );
}
