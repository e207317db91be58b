/** Switches that would undo what the release promises; Chromium takes them from whoever writes the command line. */
const REFUSED = [
  'no-sandbox',
  'disable-setuid-sandbox',
  'disable-seccomp-filter-sandbox',
  'disable-namespace-sandbox',
  'disable-web-security',
  'remote-debugging-port',
  'remote-debugging-pipe',
  'remote-debugging-address',
  'load-extension',
  'js-flags',
  'inspect',
  'inspect-brk',
  'renderer-cmd-prefix',
  'utility-cmd-prefix',
  'gpu-launcher',
];

/** Only what is installed refuses them: tests drive the app through some. */
export function refusedSwitch(
  isPackaged: boolean,
  hasSwitch: (name: string) => boolean,
): string | undefined {
  return isPackaged ? REFUSED.find(hasSwitch) : undefined;
}
