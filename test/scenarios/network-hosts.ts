/** Hosts on which something happens to what the daemon does there: it dies, is watched, is meddled with, or has to have said so before. */
import { readFileSync } from 'node:fs';
import { parseLedger } from '../../app/daemon/network/ledger.ts';
import type { LinuxHost, Program } from '../../app/daemon/network/linux/host.ts';
import type { Namespace } from './network-namespace.ts';

/** A host on which the daemon dies at a given command: right after it, or with half of a batch done. */
export class Fuse implements LinuxHost {
  readonly #host: Namespace;
  readonly #when: 'halfway' | 'after';
  #left: number;
  hasBlown = false;

  constructor(host: Namespace, survives: number, when: 'halfway' | 'after') {
    this.#host = host;
    this.#left = survives;
    this.#when = when;
  }

  async run(program: Program, argv: readonly string[], input?: string) {
    const isLast = this.#burn();
    if (!isLast) return await this.#host.run(program, argv, input);
    if (this.#when === 'after') await this.#host.run(program, argv, input);
    if (this.#when === 'halfway' && program === 'ip' && input) {
      await this.#host.run(program, argv, firstHalf(input));
    }
    throw new Error('killed');
  }

  async writeSetting(key: string, value: string) {
    const isLast = this.#burn();
    if (!isLast || this.#when === 'after') await this.#host.writeSetting(key, value);
    if (isLast) throw new Error('killed');
  }

  #burn(): boolean {
    if (this.hasBlown) throw new Error('already dead');
    this.hasBlown = this.#left-- === 0;
    return this.hasBlown;
  }

  command(program: Program, argv: readonly string[]) {
    return this.#host.command(program, argv);
  }
  has(program: Program) {
    return this.#host.has(program);
  }
  readSetting(key: string) {
    return this.#host.readSetting(key);
  }
  hasTun() {
    return this.#host.hasTun();
  }
  hasIpv6() {
    return this.#host.hasIpv6();
  }
  isRoot() {
    return this.#host.isRoot();
  }
}

/** A host on which after each command it is asked where packets for an address go. */
export class Watching extends Fuse {
  readonly ways = new Set<string>();
  readonly #namespace: Namespace;
  readonly #address: string;

  constructor(host: Namespace, address: string) {
    super(host, Number.POSITIVE_INFINITY, 'after');
    this.#namespace = host;
    this.#address = address;
  }

  override async run(program: Program, argv: readonly string[], input?: string) {
    const ran = await super.run(program, argv, input);
    const { stdout, stderr } = await this.#namespace.try(`ip route get ${this.#address}`);
    this.ways.add(/dev (\S+)/.exec(stdout)?.[1] ?? stderr.trim());
    return ran;
  }
}

/** A host whose kernel takes ways into the tunnel away with the first program that is given such a line. */
export class Losing extends Fuse {
  readonly #namespace: Namespace;
  readonly #line: string;
  readonly #ways: readonly string[];

  constructor(host: Namespace, line: string, ways: readonly string[]) {
    super(host, Number.POSITIVE_INFINITY, 'after');
    this.#namespace = host;
    this.#line = line;
    this.#ways = ways;
  }

  override async run(program: Program, argv: readonly string[], input?: string) {
    const ran = await super.run(program, argv, input);
    if (!input?.includes(this.#line)) return ran;
    for (const way of this.#ways)
      await this.#namespace.try(`ip route del ${way} dev culvert0 table 5182`);
    return ran;
  }
}

/** A host that says what each program is about to change, and whether the ledger on disk has it. */
export class Witness extends Fuse {
  readonly unclaimed: string[] = [];
  readonly ran: string[] = [];
  readonly #ledgerPath: string;
  #changes: string[] = [];

  constructor(host: Namespace, path: string) {
    super(host, Number.POSITIVE_INFINITY, 'after');
    this.#ledgerPath = path;
  }

  /** Since it was last asked, one entry a program. */
  changes(): string[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  override async run(program: Program, argv: readonly string[], input?: string) {
    this.ran.push([program, ...argv].join(' '));
    this.#note(changedBy(program, argv, input ?? ''));
    return await super.run(program, argv, input);
  }

  override async writeSetting(key: string, value: string) {
    this.#note(['setting']);
    await super.writeSetting(key, value);
  }

  #note(kinds: readonly string[]): void {
    if (kinds.length === 0) return;
    this.#changes.push(kinds.join(', '));
    const claimed = (parseLedger(readFileSync(this.#ledgerPath, 'utf8')) ?? []).map(
      ({ kind }): string => kind,
    );
    this.unclaimed.push(...kinds.filter((kind) => !claimed.includes(kind)));
  }
}

/** As the ledger calls it; nothing for what only asks. */
function changedBy(program: Program, argv: readonly string[], input: string): string[] {
  if (program === 'nft') return argv[0] === '-f' ? ['firewall'] : [];
  if (argv.includes('rule')) return argv.includes('show') ? [] : ['rule'];
  const kinds = input.split('\n').flatMap((line) => {
    if (/^route (replace|del) (unreachable|throw) /.test(line)) return ['refusing-routes'];
    if (/^route (replace|del) /.test(line)) return ['tunnel-routes'];
    if (line.startsWith('rule add')) return ['rule'];
    return /^address (replace|del) /.test(line) ? ['addresses'] : [];
  });
  return [...new Set(kinds)];
}

function firstHalf(text: string): string {
  const lines = text.split('\n');
  return `${lines.slice(0, Math.ceil(lines.length / 2)).join('\n')}\n`;
}
