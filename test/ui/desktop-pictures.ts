/** A view in both languages, both colour schemes and two widths: kept as pictures, measured, and held to axe's rules. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { expect } from 'vitest';
import type { CulvertBridge } from '../../app/desktop/ipc/channels.ts';
import { repository } from '../lab/host.ts';
import type { LabDesktop } from '../world/desktop.ts';

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);
const pictures = path.join(repository, 'test/output/desktop');
const widths = [360, 320];

declare global {
  interface Window {
    culvert: CulvertBridge;
  }
}

export async function portray(desktop: LabDesktop, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  for (const language of ['ja', 'en'] as const) {
    for (const appearance of ['dark', 'light'] as const) {
      await dress(desktop, language, appearance);
      await expectAccessible(desktop, `${name}, ${language}, ${appearance}`);
      for (const width of widths) {
        await desktop.resize(width, 560);
        await expectNoOverflow(desktop, width);
        const file = path.join(pictures, `${name}-${language}-${appearance}-${width}.png`);
        await desktop.window.screenshot({ path: file, animations: 'disabled' });
      }
      await desktop.resize(360, 560);
    }
  }
}

/** As the preferences do it; English and light afterwards, which is what the tests read. */
async function dress(
  { window: page }: LabDesktop,
  language: 'en' | 'ja',
  appearance: 'light' | 'dark',
): Promise<void> {
  await page.evaluate(
    async ([language, appearance]) => {
      const { preferences } = await window.culvert.view();
      await window.culvert.setPreferences({ ...preferences, language, appearance });
    },
    [language, appearance] as const,
  );
  await page.locator(`html[lang=${language}][data-mantine-color-scheme=${appearance}]`).waitFor();
  // A colour half way between two schemes is nobody's fault.
  await page.evaluate(async () => {
    const moving = document.getAnimations().filter((one) => one instanceof CSSTransition);
    await Promise.allSettled(moving.map(({ finished }) => finished));
  });
}

/** Injected by the debugger, for the page's own policy lets no script in. */
async function expectAccessible({ window: page }: LabDesktop, where: string): Promise<void> {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => ({ id, nodes: nodes.map((node) => node.html) }));
  });
  expect(found, where).toEqual([]);
}

async function expectNoOverflow({ window: page }: LabDesktop, width: number): Promise<void> {
  // The window is another program's, which is asked for a size and gives it later.
  await expect.poll(() => page.evaluate(() => window.innerWidth)).toBe(width);
  const needed = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(needed).toBeLessThanOrEqual(width);
}
