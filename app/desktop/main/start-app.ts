/** Wires the parts together. */
import path from 'node:path';
import { app, clipboard, nativeTheme, type Rectangle } from 'electron';
import { problemOfCall } from '../../client/client.ts';
import type { Problem } from '../../contract/local-api.ts';
import { problem, reasonOf } from '../../contract/problem.ts';
import { type Preferences, VIEW_EVENT } from '../ipc/channels.ts';
import { serveBundle } from './bundle-protocol.ts';
import { connectDaemon, type DaemonLink } from './daemon-link.ts';
import { hardenSession } from './hardening.ts';
import { type Handlers, serveIpc } from './ipc-server.ts';
import { setOpenAtLogin, startsHidden } from './open-at-login.ts';
import { withPlainText } from './plain-text.ts';
import { PopoverWindow } from './popover-window.ts';
import { languageOf, PreferenceStore } from './preferences.ts';
import { SignIn } from './sign-in.ts';
import { Switch } from './switch.ts';
import { TrayIcon } from './tray-icon.ts';
import type { MenuAction } from './tray-menu.ts';
import { ViewSource } from './view-source.ts';

export function startApp(folder: string): void {
  hardenSession();
  serveBundle(path.join(folder, '../renderer'));
  const preferences = new PreferenceStore();
  const source = new ViewSource(preferences.get(), languageOf);
  const popover = new PopoverWindow(folder);
  const daemon = connectDaemon();
  const theSwitch = new Switch(daemon, source);
  const signIn = new SignIn(daemon, {
    language: () => source.view.language,
    progress: (progress) => source.setSignIn(progress),
    done: () => void popover.open(),
  });

  const parts = { daemon, signIn, theSwitch, preferences, source, popover };
  serveIpc(answersOf(parts), () => popover.window);
  const actions = actionsOf(parts);
  const tray = new TrayIcon((action, at) => actions[action](at));
  nativeTheme.themeSource = source.view.preferences.appearance;
  source.listen((view) => {
    tray.show(view);
    popover.send(VIEW_EVENT, view);
  });

  const ending = new AbortController();
  daemon.follow((status, why) => source.setStatus(status, why), ending.signal);
  app.on('second-instance', () => void popover.open());
  app.on('activate', () => void popover.open());
  // The tray stays when the window goes.
  app.on('window-all-closed', () => {});
  app.on('before-quit', () => ending.abort());
  if (!startsHidden()) void popover.open();
}

interface Parts {
  daemon: DaemonLink;
  signIn: SignIn;
  theSwitch: Switch;
  preferences: PreferenceStore;
  source: ViewSource;
  popover: PopoverWindow;
}

/** What the window may ask for. */
function answersOf(parts: Parts): Handlers {
  const { daemon, signIn, theSwitch, preferences, source, popover } = parts;
  return {
    view: () => source.view,
    signIn: (link) => signIn.start(link).then(done),
    openSignInAgain: () => signIn.openAgain(source.view.status?.account).then(done),
    cancelSignIn: () => done(theSwitch.ask(() => signIn.cancel())),
    flipSwitch: () => done(theSwitch.flip()),
    pause: (minutes) => done(theSwitch.pause(minutes)),
    signOut: () => done(theSwitch.signOut()),
    why: (request) =>
      daemon.why(request).then(
        (answer) => withPlainText({ answer }),
        (thrown: unknown) => withPlainText({ problem: problemOfCall(thrown) }),
      ),
    setPreferences: (wanted) => done(source.setRefusal(keep(wanted, preferences, source))),
    hide: () => done(popover.hide()),
    copy: (text) => done(clipboard.writeText(text)),
  };
}

/** What the tray's menu does. */
function actionsOf({ theSwitch, popover }: Parts): Record<MenuAction, (at?: Rectangle) => void> {
  return {
    'switch-on': () => theSwitch.on(),
    'switch-off': () => theSwitch.off(),
    'pause-5': () => theSwitch.pause(5),
    'pause-15': () => theSwitch.pause(15),
    'pause-60': () => theSwitch.pause(60),
    why: () => void popover.open('why'),
    open: (at) => void popover.open('', at),
    preferences: () => void popover.open('preferences'),
    'sign-in': () => void popover.open(),
    'sign-out': () => theSwitch.signOut(),
    quit: () => app.quit(),
  };
}

/** Takes effect in any case; what could not be written down is told. */
function keep(wanted: Preferences, store: PreferenceStore, source: ViewSource): Problem | null {
  nativeTheme.themeSource = wanted.appearance;
  source.setPreferences(wanted);
  try {
    store.set(wanted);
    setOpenAtLogin(wanted.openAtLogin);
    return null;
  } catch (cause) {
    return problem('state-unwritable', { file: app.getPath('appData'), reason: reasonOf(cause) });
  }
}

/** The window is told nothing but that it happened. */
function done(...results: unknown[]): null {
  void results;
  return null;
}
