/** Wires the app together. Rights and truth are culvertd's; this shows and asks. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { app, clipboard, nativeTheme } from 'electron';
import { problemOfCall } from '../../client/client.ts';
import { VIEW_EVENT } from '../ipc/channels.ts';
import { registerScheme, serveBundle } from './bundle-protocol.ts';
import { connectDaemon } from './daemon-link.ts';
import { hardenProcess, hardenSession } from './hardening.ts';
import { serveIpc } from './ipc-server.ts';
import { setOpenAtLogin } from './open-at-login.ts';
import { Pause } from './pause.ts';
import { withPlainText } from './plain-text.ts';
import { PopoverWindow } from './popover-window.ts';
import { PreferenceStore } from './preferences.ts';
import { SignIn } from './sign-in.ts';
import { TrayIcon } from './tray-icon.ts';
import type { MenuAction } from './tray-menu.ts';
import { ViewSource } from './view-source.ts';

const folder = path.dirname(fileURLToPath(import.meta.url));

// A modal error box would hang with nobody to close it; the log has the stack.
process.on('uncaughtException', (error) => {
  console.error(error);
  app.exit(1);
});

if (!app.requestSingleInstanceLock()) {
  app.quit();
} else {
  hardenProcess();
  registerScheme();
  void app.whenReady().then(start);
}

function start(): void {
  hardenSession();
  serveBundle(path.join(folder, '../renderer'));
  const preferences = new PreferenceStore();
  const source = new ViewSource(preferences.get());
  const popover = new PopoverWindow(folder);
  const daemon = connectDaemon();
  const signIn = new SignIn(daemon, {
    language: () => source.view.language,
    progress: (progress) => source.setSignIn(progress),
    done: () => void popover.open(),
  });
  /** What a call brings about shows up in the status, so the click itself has nothing to wait for. */
  const ask = (call: () => Promise<unknown>) => {
    source.setRefusal(null);
    void call().catch((thrown: unknown) => source.setRefusal(problemOfCall(thrown)));
  };
  const switchOn = () => {
    pause.end();
    ask(() => daemon.up());
  };
  const switchOff = () => {
    pause.end();
    ask(() => daemon.down());
  };
  const pause: Pause = new Pause(switchOn, (until) => source.setPausedUntil(until));
  const pauseFor = (minutes: number) => {
    ask(() => daemon.down());
    pause.start(minutes);
  };

  serveIpc(
    {
      view: () => source.view,
      signIn: (link) => signIn.start(link).then(done),
      openSignInAgain: () => signIn.openAgain(source.view.status?.account).then(done),
      cancelSignIn: () => done(ask(() => signIn.cancel())),
      switchOn: () => done(switchOn()),
      switchOff: () => done(switchOff()),
      pause: (minutes) => done(pauseFor(minutes)),
      signOut: () => done(ask(() => daemon.logout())),
      why: (request) =>
        daemon.why(request).then(
          (answer) => withPlainText({ answer }),
          (thrown: unknown) => withPlainText({ problem: problemOfCall(thrown) }),
        ),
      setPreferences: (wanted) => {
        preferences.set(wanted);
        setOpenAtLogin(wanted.openAtLogin);
        nativeTheme.themeSource = wanted.appearance;
        return done(source.setPreferences(wanted));
      },
      copy: (text) => done(clipboard.writeText(text)),
    },
    () => popover.window,
  );

  const actions: Record<MenuAction, () => void> = {
    'switch-on': switchOn,
    'switch-off': switchOff,
    'pause-5': () => pauseFor(5),
    'pause-15': () => pauseFor(15),
    'pause-60': () => pauseFor(60),
    why: () => void popover.open('why'),
    open: () => void popover.open(),
    preferences: () => void popover.open('preferences'),
    'sign-in': () => void popover.open(),
    'sign-out': () => ask(() => daemon.logout()),
    quit: () => app.quit(),
  };
  const tray = new TrayIcon((action) => actions[action]());
  source.listen((view) => {
    tray.show(view);
    popover.send(VIEW_EVENT, view);
  });
  nativeTheme.themeSource = preferences.get().appearance;

  const ending = new AbortController();
  daemon.follow((status, problem) => source.setStatus(status, problem), ending.signal);
  app.on('second-instance', () => void popover.open());
  // The tray stays when the window goes.
  app.on('window-all-closed', () => {});
  app.on('before-quit', () => ending.abort());
  void popover.open();
}

function done(_: unknown): null {
  return null;
}
