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

/** Bytes a second. */
interface Rate {
  at: number;
  down: number;
  up: number;
}

const WINDOW_MS = 60_000;
const EVERY_MS = 2_000;
/** Width of one bar's share. */
const BAR = (60 * EVERY_MS) / WINDOW_MS;

export function TrafficLine({ status }: { status: Status }) {
  const { text } = useSpeech();
  const rates = ratesOf(useSamples(status));
  const last = rates.at(-1) ?? { down: 0, up: 0 };
  const [down, up] = [inWords(last.down), inWords(last.up)];
  return (
    <Group
      justify="space-between"
      wrap="nowrap"
      aria-label={text.traffic(down, up)}
      role="img"
      className="traffic"
    >
      <Text size="sm" aria-hidden>
        ↓ {down} &ensp; ↑ {up}
      </Text>
      <Bars rates={rates} />
    </Group>
  );
}

/** The newest is at the right; a line marks the time that nothing is known of. */
function Bars({ rates }: { rates: Rate[] }) {
  const most = Math.max(1, ...rates.map((rate) => rate.down + rate.up));
  return (
    <svg width="90" height="20" viewBox="0 0 60 20" preserveAspectRatio="none" aria-hidden="true">
      <rect x="0" y="19" width="60" height="1" fill="currentColor" opacity="0.4" />
      {rates.map((rate, index) => {
        const height = (19 * (rate.down + rate.up)) / most;
        const x = 60 - (rates.length - index) * BAR;
        return (
          <rect
            key={rate.at}
            x={x}
            y={19 - height}
            width={BAR * 0.7}
            height={height}
            fill="currentColor"
          />
        );
      })}
    </svg>
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
    const timer = setInterval(take, EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return samples;
}

function ratesOf(samples: Sample[]): Rate[] {
  return samples.slice(1).map((sample, index) => between(samples[index] as Sample, sample));
}

/** A counter that went back belongs to a new tunnel. */
function between(before: Sample, after: Sample): Rate {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  return {
    at: after.at,
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
