import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

const here = (place: string) => fileURLToPath(new URL(place, import.meta.url));

/** Targets are what the oldest Electron that we run in has: Chromium 130 and Node 20.18. Everything but Electron is bundled. */
export default defineConfig({
  main: {
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
    plugins: [react()],
    build: {
      outDir: here('out/renderer'),
      target: 'chrome130',
      rollupOptions: { input: { index: here('renderer/index.html') } },
    },
  },
});
