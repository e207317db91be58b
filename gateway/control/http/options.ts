/** The options of the program: each is a flag, an environment variable and a place in the file. */
import { parseArgs } from 'node:util';
import { Fault } from './fault.ts';

export type Environment = Record<string, string | undefined>;

export interface Option {
  flag: string;
  /** Where it is in the file. */
  path: string[];
  help: string;
  isList?: boolean;
  isSwitch?: boolean;
}

export const OPTIONS: Option[] = [
  { flag: 'data', path: ['data'], help: 'directory for everything that the gateway keeps' },
  { flag: 'host', path: ['listen', 'host'], help: 'address to listen at (every address)' },
  {
    flag: 'port',
    path: ['listen', 'port'],
    help: 'HTTPS port (that of --public-url; else 443, or 8443 without rights)',
  },
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

export function usage(): string {
  const lines = OPTIONS.map((option) => {
    const name = option.isSwitch ? `--${option.flag}` : `--${option.flag} …`;
    return `  ${name.padEnd(30)}${option.help}`;
  });
  return `culvert-gateway: the control plane of an organisation

  --config FILE                 YAML file with the same settings
  --json                        say where it is once it listens, or why it does not start, as one line of JSON
${lines.join('\n')}

Every setting is also an environment variable: --public-url is CULVERT_PUBLIC_URL. Lists are separated by commas there.
Exit codes: 0 stopped, 64 wrong flag, 69 port taken, 70 unexpected, 78 wrong configuration.
`;
}

export function parseFlags(
  args: string[],
): Record<string, string | boolean | string[] | undefined> {
  const options = Object.fromEntries(
    OPTIONS.map(({ flag, isList, isSwitch }) => [
      flag,
      { type: isSwitch ? 'boolean' : 'string', multiple: isList ?? false } as const,
    ]),
  );
  try {
    const { values } = parseArgs({
      args,
      options: {
        ...options,
        config: { type: 'string' },
        // Not a setting: where it is written is decided before anything is read.
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values as Record<string, string | boolean | string[] | undefined>;
  } catch (cause) {
    throw new Fault('usage', `${(cause as Error).message.split('. ')[0]}. See --help.`, cause);
  }
}

export function fromEnvironment(
  option: Option,
  environment: Environment,
): string | string[] | undefined {
  const text = environment[`CULVERT_${option.flag.replaceAll('-', '_').toUpperCase()}`];
  if (text === undefined || text === '') return undefined;
  return option.isList ? text.split(',').map((part) => part.trim()) : text;
}
