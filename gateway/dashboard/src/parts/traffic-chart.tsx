/** Live traffic, one point a second. The canvas says nothing to a screen reader, so the same stands in words below it. */
import { Text, useComputedColorScheme } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import uPlot from 'uplot';
import type { Overview } from '../../../contract/admin-api.ts';
import { localeOf } from '../language/language.ts';

type Points = Overview['traffic'];

export function TrafficChart({ points }: { points: Points }) {
  const { t, i18n } = useTranslation();
  const { ref, width } = useElementSize();
  const scheme = useComputedColorScheme('light');
  const place = useRef<HTMLDivElement>(null);
  const [plot, setPlot] = useState<uPlot>();
  useEffect(() => {
    if (width === 0 || !place.current) return;
    const ink = scheme === 'dark' ? '#c9c9c9' : '#343a40';
    const names = { up: t('overview.fromDevices'), down: t('overview.toDevices') };
    const labels = options(width, ink, names, i18n.language);
    const chart = new uPlot(labels, columns([]), place.current);
    setPlot(chart);
    return () => chart.destroy();
  }, [width, t, i18n.language, scheme]);
  useEffect(() => plot?.setData(columns(points.length > 0 ? points : stillness())), [plot, points]);
  const last = points.at(-1);
  const isQuiet = points.every(({ fromDevices, toDevices }) => fromDevices + toDevices === 0);
  return (
    <>
      <div ref={ref} className="traffic" aria-hidden>
        <div ref={place} />
        {isQuiet && <span>{t('overview.noTraffic')}</span>}
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

interface Names {
  up: string;
  down: string;
}

function options(width: number, ink: string, { up, down }: Names, language: string): uPlot.Options {
  const clock = new Intl.DateTimeFormat(localeOf(language), { timeStyle: 'medium' });
  const axis = { stroke: ink, grid: { stroke: 'rgba(128,128,128,0.2)' } };
  return {
    width,
    height: 160,
    legend: { show: true, live: false },
    // Nothing at all is a line at the bottom, not one in the middle of minus and plus one.
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1000, high * 1.1)] } },
    cursor: { show: false },
    axes: [
      { ...axis, space: 90, values: (_plot, ticks) => ticks.map((at) => clock.format(at * 1000)) },
      { ...axis, size: 70, values: (_plot, ticks) => ticks.map(rate) },
    ],
    series: [
      {},
      { label: up, stroke: '#22949b', width: 2 },
      { label: down, stroke: '#c2691c', width: 2, dash: [6, 3] },
    ],
  };
}

/** The last minute without any traffic: the axes stand where they will stand later. */
function stillness(): Points {
  const now = Date.now();
  return Array.from({ length: 60 }, (_, at) => ({
    at: now - (59 - at) * 1000,
    fromDevices: 0,
    toDevices: 0,
  }));
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
