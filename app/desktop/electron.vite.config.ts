import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';
import { themeStylesheet } from './renderer/theme-stylesheet.ts';

const here = (place: string) => fileURLToPath(new URL(place, import.meta.url));

/** app/peer looks for the addon that tells who answers beside the bundle; this puts it there. */
function peercred() {
  const places = [
    '../../native/peercred/peercred.node',
    '../../native/target/release/libculvert_peercred.so',
  ].map(here);
  return {
    name: 'culvert-peercred',
    generateBundle(this: { emitFile: (file: object) => string; warn: (text: string) => void }) {
      const addon = places.find((place) => existsSync(place));
      if (addon === undefined) {
        this.warn(
          'peercred is not built (native/peercred/README.md): the app will not talk to culvertd',
        );
        return;
      }
      const fileName = 'peercred.node';
      this.emitFile({ type: 'asset', fileName, source: readFileSync(addon) });
    },
  };
}

function themeTokens() {
  const name = 'virtual:theme.css';
  return {
    name: 'culvert-theme-tokens',
    resolveId: (id: string) => (id === name ? `\0${name}` : undefined),
    load: (id: string) => (id === `\0${name}` ? themeStylesheet() : undefined),
  };
}

/** Targets are what the oldest Electron that we run in has: Chromium 130 and Node 20.18. Everything but Electron is bundled. */
export default defineConfig({
  main: {
    plugins: [peercred()],
    build: {
      outDir: here('out/main'),
      target: 'node20.18',
      externalizeDeps: false,
      rollupOptions: { input: { index: here('main/index.ts') }, external: ['electron'] },
    },
  },
  preload: {
    build: {
      outDir: here('out/preload'),
      minify: true,
      target: 'node20.18',
      externalizeDeps: false,
      // A sandboxed preload must be one CommonJS file.
      rollupOptions: {
        input: { index: here('preload/index.ts') },
        external: ['electron'],
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: here('renderer'),
    plugins: [react(), themeTokens()],
    build: {
      outDir: here('out/renderer'),
      minify: true,
      target: 'chrome130',
      rollupOptions: { input: { index: here('renderer/index.html') } },
    },
  },
});
