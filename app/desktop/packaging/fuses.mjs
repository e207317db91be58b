/** What Electron itself may still do once it is our program. A fuse is a byte in the executable: no setting can flip it back. */
import { FuseV1Options, FuseVersion } from '@electron/fuses';

export const fuses = {
  version: FuseVersion.V1,
  /** ELECTRON_RUN_AS_NODE would make a general interpreter of it. */
  [FuseV1Options.RunAsNode]: false,
  [FuseV1Options.EnableCookieEncryption]: true,
  [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
  /** --inspect and SIGUSR1 would let any program of the same user in. */
  [FuseV1Options.EnableNodeCliInspectArguments]: false,
  /** Where the system can check it: macOS and Windows. */
  [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: true,
  [FuseV1Options.OnlyLoadAppFromAsar]: true,
  [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
  [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
};
