/** Live traffic, one point a second. The canvas says nothing to a screen reader, so the same stands in words below it. */
import { Text } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import uPlot from 'uplot';
import type { Overview } from '../../../contract/admin-api.ts';

type Points = Overview['traffic'];

export function TrafficChart({ points }: { points: Points }) {
  const { t } = useTranslation();
  const { ref, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  const [plot, setPlot] = useState<uPlot>();
  useEffect(() => {
    if (width === 0 || !place.current) return;
    const labels = options(width, t('overview.fromDevices'), t('overview.toDevices'));
    const chart = new uPlot(labels, columns([]), place.current);
    setPlot(chart);
    return () => chart.destroy();
  }, [width, t]);
  useEffect(() => plot?.setData(columns(points)), [plot, points]);
  const last = points.at(-1);
  return (
    <>
      <div ref={ref} style={{ height: 190 }} aria-hidden>
        <div ref={place} />
      </div>
      <Text size="sm" c="dimmed">
        {t('overview.trafficNow', {
          up: rate(last?.fromDevices ?? 0),
          down: rate(last?.toDevices ?? 0),
        })}
      </Text>
    </>
  );
}

function options(width: number, up: string, down: string): uPlot.Options {
  const axis = { stroke: 'var(--mantine-color-dimmed)', grid: { stroke: 'rgba(128,128,128,0.2)' } };
  const ink = getComputedStyle(document.body).color;
  return {
    width,
    height: 160,
    legend: { show: true, live: false },
    cursor: { show: false },
    axes: [
      { ...axis, stroke: ink },
      { ...axis, stroke: ink, size: 70, values: (_plot, ticks) => ticks.map(rate) },
    ],
    series: [
      {},
      { label: up, stroke: '#22949b', width: 2 },
      { label: down, stroke: '#c2691c', width: 2, dash: [6, 3] },
    ],
  };
}

function columns(points: Points): uPlot.AlignedData {
  return [
    points.map((point) => point.at / 1000),
    points.map((point) => point.fromDevices),
    points.map((point) => point.toDevices),
  ];
}

export function rate(bytesPerSecond: number): string {
  const units = ['B/s', 'kB/s', 'MB/s', 'GB/s'];
  let value = bytesPerSecond;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
