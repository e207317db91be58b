/** Makes the gateway's app from its parts. It opens no port: `main.ts` listens, tests inject. */
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { Provider } from 'oidc-provider';
import { registerDevices } from './enrol/device-routes.ts';
import { openKeyChallenges } from './enrol/key-challenge.ts';
import { prepareOrganisation } from './enrol/organisation.ts';
import { makeProofs } from './enrol/proof.ts';
import { openTrust } from './enrol/trust.ts';
import { registerTrust } from './enrol/trust-routes.ts';
import type { Assemble, Core, Gateway, Part } from './gateway.ts';
import { createApp } from './http/app.ts';
import type { Configuration } from './http/configuration.ts';
import { registerDashboard } from './http/dashboard.ts';
import type { Tls } from './http/tls.ts';
import { type BrowserSessions, makeBrowserSessions, signedInOf } from './login/browser-session.ts';
import { registerConsent } from './login/consent.ts';
import { openOauthServer, registerOauthServer } from './login/oauth-server.ts';
import { makeProviderClient, type ProviderClient } from './login/provider-client.ts';
import { registerSession } from './login/session-routes.ts';
import { newSetupLink, registerSetup, setUpFromPreset } from './login/setup.ts';
import { CALLBACK_PATH, registerSignIn } from './login/sign-in.ts';
import { startHousekeeping } from './store/housekeeping.ts';
import type { Store } from './store/store.ts';

export interface BuildOptions {
  configuration: Configuration;
  store: Store;
  tls: Tls;
  log: FastifyBaseLogger;
  assemble: Assemble;
}

export interface BuiltGateway {
  app: FastifyInstance;
  gateway: Gateway;
  /** Printed at the first start; undefined once the organisation is set up. */
  setupLink: string | undefined;
  /** Ends streams, then the app, then the store. */
  close(): Promise<void>;
}

interface Login {
  sessions: BrowserSessions;
  provider: ProviderClient;
  oauth: Provider;
}

export async function buildGateway(options: BuildOptions): Promise<BuiltGateway> {
  const { configuration, store, log } = options;
  await prepareOrganisation(store, configuration.sessionHours * 3600);
  const login = await makeLogin(options);
  await setUpFromPreset({ configuration, store, provider: login.provider });
  const core = await makeCore(options, login);
  const { snapshots, parts } = await options.assemble(core);
  const gateway: Gateway = { ...core, snapshots };
  const app = await createApp({ tls: options.tls, log, requireAdmin: core.requireAdmin });
  await registerOwnRoutes(app, gateway, login);
  for (const part of parts) await part.register(app);
  await registerDashboard(app, configuration.dashboard);
  await app.ready();
  const stopHousekeeping = startHousekeeping(store, (cause) =>
    log.error({ cause }, 'housekeeping failed'),
  );
  return {
    app,
    gateway,
    setupLink: await newSetupLink(store, configuration.publicUrl),
    close: () => closeAll(app, parts, store, stopHousekeeping),
  };
}

async function makeLogin({ configuration, store, log }: BuildOptions): Promise<Login> {
  const { publicUrl, allowInsecureProvider } = configuration;
  return {
    sessions: makeBrowserSessions(store),
    provider: makeProviderClient(publicUrl + CALLBACK_PATH, allowInsecureProvider),
    oauth: await openOauthServer(store, publicUrl, log),
  };
}

async function makeCore(options: BuildOptions, login: Login): Promise<Core> {
  const { configuration, store, log, tls } = options;
  return {
    configuration,
    store,
    log,
    tls,
    trust: await openTrust(store, configuration.publicUrl, [tls.pin]),
    proofs: makeProofs(store),
    keyChallenges: await openKeyChallenges(store),
    requireAdmin: login.sessions.requireAdmin,
    signedIn: signedInOf,
  };
}

async function registerOwnRoutes(
  app: FastifyInstance,
  gateway: Gateway,
  login: Login,
): Promise<void> {
  const { configuration, store, trust } = gateway;
  const { publicUrl } = configuration;
  const { sessions, provider, oauth } = login;
  registerTrust(app, { store, trust });
  registerSetup(app, { configuration, store, provider });
  registerSignIn(app, { configuration, store, sessions, provider });
  registerSession(app, { store, trust, sessions });
  registerOauthServer(app, oauth, publicUrl);
  await registerConsent(app, { store, sessions, provider: oauth, publicUrl });
  registerDevices(app, { ...gateway, oauth });
}

async function closeAll(
  app: FastifyInstance,
  parts: Part[],
  store: Store,
  stopHousekeeping: () => void,
): Promise<void> {
  stopHousekeeping();
  // Streams first: an app with open streams would wait for them.
  for (const part of parts) await part.close?.();
  await app.close();
  await store.close();
}
