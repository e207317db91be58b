/** What the gateway is started with: flags win over environment variables, those over the file. */
import { existsSync, readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { HTTPS_PORT, WIREGUARD_PORT } from '../../contract/constants.ts';
import { Endpoint } from '../../contract/snapshot.ts';
import { Fault } from './fault.ts';

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
  /** Where nobody chose, 8443 will do where 443 is not allowed, and IPv4 alone where there is no IPv6. */
  isPortChosen: boolean;
  isHostChosen: boolean;
};

interface Option {
  flag: string;
  /** Where it is in the file. */
  path: string[];
  help: string;
  isList?: boolean;
  isSwitch?: boolean;
}

const OPTIONS: Option[] = [
  { flag: 'data', path: ['data'], help: 'directory for everything that the gateway keeps' },
  { flag: 'host', path: ['listen', 'host'], help: 'address to listen at (every address)' },
  { flag: 'port', path: ['listen', 'port'], help: 'HTTPS port (443; 8443 without rights)' },
  {
    flag: 'public-url',
    path: ['publicUrl'],
    help: 'https address that browsers, devices and connectors use',
  },
  {
    flag: 'endpoint',
    path: ['endpoints'],
    help: 'WireGuard address that devices reach, HOST:PORT',
    isList: true,
  },
  { flag: 'wireguard-port', path: ['wireguardPort'], help: 'UDP port of the engine (51820)' },
  {
    flag: 'tls-certificate',
    path: ['tls', 'certificate'],
    help: 'PEM file; without one, the gateway makes its own',
  },
  { flag: 'tls-key', path: ['tls', 'key'], help: 'PEM file' },
  { flag: 'dashboard', path: ['dashboard'], help: 'directory with the built dashboard' },
  { flag: 'engine', path: ['engine'], help: 'path of culvert-engine' },
  {
    flag: 'log-level',
    path: ['logLevel'],
    help: 'trace, debug, info, warn, error or silent (info)',
  },
  {
    flag: 'allow-insecure-provider',
    path: ['allowInsecureProvider'],
    help: 'accept an identity provider without TLS (a lab only)',
    isSwitch: true,
  },
  {
    flag: 'provider-verifies-email',
    path: ['providerVerifiesEmail'],
    help: 'the provider gives verified addresses alone, without saying so; only where nobody chooses theirs',
    isSwitch: true,
  },
  {
    flag: 'allowed-email-domain',
    path: ['allowedEmailDomains'],
    help: 'who may sign in',
    isList: true,
  },
  { flag: 'session-hours', path: ['sessionHours'], help: 'how long a device stays signed in (24)' },
  {
    flag: 'organisation',
    path: ['preset', 'organisation'],
    help: 'set up without a person: the name',
  },
  { flag: 'owner', path: ['preset', 'owner'], help: '… the e-mail address of the first owner' },
  {
    flag: 'provider-issuer',
    path: ['preset', 'provider', 'issuer'],
    help: '… the identity provider',
  },
  {
    flag: 'provider-client-id',
    path: ['preset', 'provider', 'clientId'],
    help: '… the client id there',
  },
  {
    flag: 'provider-client-secret',
    path: ['preset', 'provider', 'clientSecret'],
    help: '… its secret (better as CULVERT_PROVIDER_CLIENT_SECRET)',
  },
  {
    flag: 'provider-groups-claim',
    path: ['preset', 'provider', 'groupsClaim'],
    help: '… the claim with the groups',
  },
];

export type Arguments = { kind: 'help' } | { kind: 'run'; configuration: Configuration };
type Environment = Record<string, string | undefined>;

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

export function usage(): string {
  const lines = OPTIONS.map((option) => {
    const name = option.isSwitch ? `--${option.flag}` : `--${option.flag} …`;
    return `  ${name.padEnd(30)}${option.help}`;
  });
  return `culvert-gateway: the control plane of an organisation

  --config FILE                 YAML file with the same settings
${lines.join('\n')}

Every flag is also an environment variable: --public-url is CULVERT_PUBLIC_URL. Lists are separated by commas there.
Exit codes: 0 stopped, 64 wrong flag, 69 port taken, 70 unexpected, 78 wrong configuration.
`;
}

function parseFlags(args: string[]): Record<string, string | boolean | string[] | undefined> {
  const options = Object.fromEntries(
    OPTIONS.map(({ flag, isList, isSwitch }) => [
      flag,
      { type: isSwitch ? 'boolean' : 'string', multiple: isList ?? false } as const,
    ]),
  );
  try {
    const { values } = parseArgs({
      args,
      options: { ...options, config: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    return values as Record<string, string | boolean | string[] | undefined>;
  } catch (cause) {
    throw new Fault('usage', `${(cause as Error).message.split('. ')[0]}. See --help.`, cause);
  }
}

function fromEnvironment(option: Option, environment: Environment): string | string[] | undefined {
  const text = environment[`CULVERT_${option.flag.replaceAll('-', '_').toUpperCase()}`];
  if (text === undefined || text === '') return undefined;
  return option.isList ? text.split(',').map((part) => part.trim()) : text;
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

function getAt(settings: Record<string, unknown>, path: string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<string, unknown> | undefined)?.[key],
    settings,
  );
}

function setAt(settings: Record<string, unknown>, path: string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) {
    settings[key] = value;
    return;
  }
  const inner = { ...(settings[key] as Record<string, unknown> | undefined) };
  setAt(inner, rest, value);
  settings[key] = inner;
}

function withDefault(settings: Record<string, unknown>, path: string[], value: unknown): void {
  if (getAt(settings, path) === undefined) setAt(settings, path, value);
}
