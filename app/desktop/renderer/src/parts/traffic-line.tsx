/** Live rates and the last 60 s as bars; the same in words for those who do not see them. */
import { Group, Text } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { Status } from '../../../../contract/local-api.ts';
import { useSpeech } from '../language/language.ts';

interface Sample {
  at: number;
  rx: number;
  tx: number;
}

const WINDOW_MS = 60_000;

export function TrafficLine({ status }: { status: Status }) {
  const { text } = useSpeech();
  const samples = useSamples(status);
  const rates = samples.slice(1).map((sample, index) => between(samples[index] as Sample, sample));
  const last = rates.at(-1) ?? { down: 0, up: 0 };
  const most = Math.max(1, ...rates.map((rate) => rate.down + rate.up));
  return (
    <Group
      justify="space-between"
      wrap="nowrap"
      aria-label={text.traffic(inWords(last.down), inWords(last.up))}
      role="img"
      className="traffic"
    >
      <Text size="sm" ff="monospace" aria-hidden>
        ↓ {inWords(last.down)} ↑ {inWords(last.up)}
      </Text>
      <svg width="90" height="20" viewBox="0 0 60 20" preserveAspectRatio="none" aria-hidden="true">
        {rates.slice(-30).map((rate, index) => {
          const height = Math.max(1, (20 * (rate.down + rate.up)) / most);
          return (
            <rect
              key={samples[index]?.at}
              x={index * 2}
              y={20 - height}
              width="1.4"
              height={height}
              fill="currentColor"
            />
          );
        })}
      </svg>
    </Group>
  );
}

function useSamples(status: Status): Sample[] {
  const latest = useRef(status.traffic);
  latest.current = status.traffic;
  const [samples, setSamples] = useState<Sample[]>([]);
  useEffect(() => {
    const take = () => {
      const at = Date.now();
      setSamples((kept) => [
        ...kept.filter((one) => at - one.at < WINDOW_MS),
        { at, rx: latest.current.rxBytes, tx: latest.current.txBytes },
      ]);
    };
    take();
    const timer = setInterval(take, 2_000);
    return () => clearInterval(timer);
  }, []);
  return samples;
}

/** Bytes a second. A counter that went back belongs to a new tunnel. */
function between(before: Sample, after: Sample): { down: number; up: number } {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  return {
    down: Math.max(0, after.rx - before.rx) / seconds,
    up: Math.max(0, after.tx - before.tx) / seconds,
  };
}

export function inWords(bytesPerSecond: number): string {
  if (bytesPerSecond >= 1e6) return `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`;
  return bytesPerSecond >= 1e3
    ? `${Math.round(bytesPerSecond / 1e3)} kB/s`
    : `${Math.round(bytesPerSecond)} B/s`;
}
