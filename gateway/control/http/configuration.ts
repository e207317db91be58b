/** What the gateway is started with: flags win over environment variables, those over the file. */
import { existsSync, readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { parse } from 'yaml';
import { z } from 'zod';
import { HTTPS_PORT, WIREGUARD_PORT } from '../../contract/constants.ts';
import { Endpoint } from '../../contract/snapshot.ts';
import { Fault } from './fault.ts';
import { type Environment, fromEnvironment, OPTIONS, parseFlags } from './options.ts';
import { getAt, setAt, withDefault } from './settings-path.ts';

export const ProviderSettings = z.strictObject({
  issuer: z.url(),
  clientId: z.string().min(1).max(500),
  clientSecret: z.string().min(1).max(500),
  groupsClaim: z.string().max(100).default('groups'),
});
export type ProviderSettings = z.infer<typeof ProviderSettings>;

/** Where people may come from; needed where a provider lets the whole world in (Google). */
const AllowedEmailDomains = z.array(z.string().toLowerCase()).max(1000);

const Settings = z.strictObject({
  data: z.string().min(1),
  listen: z.strictObject({
    host: z.string().default('::'),
    port: z.coerce.number().int().min(0).max(65535),
  }),
  publicUrl: z.url({ protocol: /^https$/ }).transform((url) => new URL(url).origin),
  endpoints: z.array(Endpoint).min(1).max(16),
  wireguardPort: z.coerce.number().int().min(1).max(65535),
  tls: z.strictObject({ certificate: z.string(), key: z.string() }).optional(),
  dashboard: z.string().optional(),
  engine: z.string().optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  allowInsecureProvider: z.stringbool().or(z.boolean()),
  /** Of a provider whose claims do not say whether an address is verified. */
  providerVerifiesEmail: z.stringbool().or(z.boolean()),
  allowedEmailDomains: AllowedEmailDomains.optional(),
  sessionHours: z.coerce
    .number()
    .positive()
    .max(24 * 365),
  /** Everything that set-up would ask, for a first start without a person. */
  preset: z
    .strictObject({
      organisation: z.string().trim().min(1).max(200),
      owner: z.email(),
      provider: ProviderSettings,
    })
    .optional(),
});
export type Configuration = z.infer<typeof Settings> & {
  /** By --port, or by the port in --public-url. Where nobody chose, 8443 will do where 443 is not allowed. */
  isPortChosen: boolean;
  /** Where nobody chose, IPv4 alone will do where there is no IPv6. */
  isHostChosen: boolean;
};

export type Arguments = { kind: 'help' } | { kind: 'run'; configuration: Configuration };

export function readConfiguration(args: string[], environment: Environment): Arguments {
  const flags = parseFlags(args);
  if (flags.help === true) return { kind: 'help' };
  const file = typeof flags.config === 'string' ? flags.config : environment.CULVERT_CONFIG;
  const settings = file === undefined ? {} : readFile(file);
  for (const option of OPTIONS) {
    const value = flags[option.flag] ?? fromEnvironment(option, environment);
    if (value !== undefined) setAt(settings, option.path, value);
  }
  return { kind: 'run', configuration: complete(settings) };
}

function readFile(path: string): Record<string, unknown> {
  if (!existsSync(path))
    throw new Fault('configuration', `There is no configuration file ${path}.`);
  try {
    const value: unknown = parse(readFileSync(path, 'utf8'), { schema: 'core', maxAliasCount: 0 });
    return z.record(z.string(), z.unknown()).parse(value ?? {});
  } catch (cause) {
    throw new Fault('configuration', `${path} cannot be read: ${firstLine(cause)}`, cause);
  }
}

function complete(settings: Record<string, unknown>): Configuration {
  // Another port than the one in an address that somebody gave would be found by nobody.
  if (typeof settings.publicUrl === 'string')
    withDefault(settings, ['listen', 'port'], portIn(settings.publicUrl));
  const isPortChosen = getAt(settings, ['listen', 'port']) !== undefined;
  const isHostChosen = getAt(settings, ['listen', 'host']) !== undefined;
  withDefault(settings, ['listen', 'port'], HTTPS_PORT);
  withDefault(settings, ['wireguardPort'], WIREGUARD_PORT);
  withDefault(settings, ['logLevel'], 'info');
  withDefault(settings, ['allowInsecureProvider'], false);
  withDefault(settings, ['providerVerifiesEmail'], false);
  withDefault(settings, ['sessionHours'], 24);
  withDefault(
    settings,
    ['publicUrl'],
    defaultPublicUrl(Number(getAt(settings, ['listen', 'port']))),
  );
  const host = URL.parse(String(settings.publicUrl))?.hostname ?? '';
  withDefault(settings, ['endpoints'], [`${host}:${String(settings.wireguardPort)}`]);
  const checked = Settings.safeParse(settings);
  if (checked.success) return { ...checked.data, isPortChosen, isHostChosen };
  throw new Fault('configuration', explain(checked.error), checked.error);
}

/** The same configuration at what could be had; the address that others use follows where it was only a guess. */
export function listeningAt(
  configuration: Configuration,
  listen: { host: string; port: number },
): Configuration {
  const guess = defaultPublicUrl(configuration.listen.port);
  const publicUrl =
    configuration.publicUrl === guess ? defaultPublicUrl(listen.port) : configuration.publicUrl;
  return { ...configuration, publicUrl, listen };
}

/** The TCP port that whoever uses this https address comes to. */
export function portIn(url: string): number {
  return Number(URL.parse(url)?.port || HTTPS_PORT);
}

function defaultPublicUrl(port: number): string {
  const suffix = port === HTTPS_PORT ? '' : `:${port}`;
  return `https://${ownName()}${suffix}`;
}

/** A full host name where there is one, else the first address that others can reach. */
function ownName(): string {
  if (hostname().includes('.')) return hostname().toLowerCase();
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const reachable = addresses.find((address) => !address.internal && address.family === 'IPv4');
  return reachable?.address ?? 'localhost';
}

function explain(error: z.ZodError): string {
  const [issue] = error.issues;
  const path = (issue?.path ?? []).map(String);
  const option = OPTIONS.find((candidate) => candidate.path.join('.') === path.join('.'));
  const name = option ? `--${option.flag}` : path.join('.') || 'the configuration';
  return `${name} is not right: ${issue?.message ?? 'unknown'}. See --help.`;
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}
