/** The tray icon's arch, in the window: the same shapes tell the same states. */
import type { IconState } from '../../../ipc/icon-state.ts';

const ARCH = 'M5 28V17a11 11 0 0 1 22 0v11h-6V17a5 5 0 0 0-10 0v11z';

export function ArchMark({ state, size = 24 }: { state: IconState; size?: number }) {
  const isSolid = state === 'connected';
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" data-state={state}>
      <path
        d={ARCH}
        fill={isSolid ? 'currentColor' : 'none'}
        stroke="currentColor"
        strokeWidth={isSolid ? 0 : 2}
      />
      {isSolid && <path d="M0 22H32" stroke="var(--mantine-color-body)" strokeWidth="5" />}
      <path
        d={state === 'connecting' ? 'M1 22H11M21 22H31' : 'M1 22H31'}
        stroke="currentColor"
        strokeWidth="2.6"
      />
      {state === 'needs-you' && (
        <circle
          cx="26"
          cy="7"
          r="5.5"
          fill="currentColor"
          stroke="var(--mantine-color-body)"
          strokeWidth="2"
        />
      )}
    </svg>
  );
}
