/** electron-builder calls this when the app's folder stands, before it is signed and made into installers. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { flipFuses } from '@electron/fuses';
import { fuses } from './fuses.mjs';

/** @param {import('electron-builder').AfterPackContext} context */
export default async function afterPack({ appOutDir, electronPlatformName, packager }) {
  await flipFuses(executableOf(appOutDir, electronPlatformName, packager), {
    ...fuses,
    resetAdHocDarwinSignature: electronPlatformName === 'darwin',
  });
  if (electronPlatformName !== 'linux') return;
  // Electron's own example app, and what a runtime for tests keeps beside it.
  for (const left of ['resources/default_app.asar', '.electron-runtime'])
    await rm(path.join(appOutDir, left), { force: true });
}

function executableOf(folder, platform, packager) {
  const { productFilename } = packager.appInfo;
  if (platform === 'darwin')
    return path.join(folder, `${productFilename}.app/Contents/MacOS/${productFilename}`);
  return path.join(
    folder,
    platform === 'win32' ? `${productFilename}.exe` : packager.executableName,
  );
}
