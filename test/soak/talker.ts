/** One stream of numbered datagrams, and which of its losses something that was done to it explains. */
import type { Service } from '../lab/command.ts';
import type { Host } from '../lab/host.ts';
import type { Said } from './traffic.ts';

export const NODE = '/opt/culvert/node_modules/.bin/node';
export const TRAFFIC = '/opt/culvert/test/soak/traffic.ts';

export interface Account {
  sent: number;
  received: number;
  /** Lost, and nothing was being done to this stream. */
  unexplained: number[];
  explained: number;
  doubled: number;
  changed: number;
}

export class Talker {
  readonly name: string;
  readonly #service: Service;
  /** From and to, in Unix milliseconds. */
  readonly #disturbances: [number, number][] = [];

  constructor(host: Host, name: string, address: string, port: number, everyMs: number) {
    this.name = name;
    const argv = [NODE, '--no-warnings', TRAFFIC, 'talk', address, String(port), String(everyMs)];
    this.#service = host.start(`traffic ${name}`, argv);
  }

  /** What is sent while this lasts, or within `afterMs` of it, may be lost. */
  async disturb(work: () => Promise<void>, afterMs: number): Promise<void> {
    const disturbance: [number, number] = [Date.now() - 500, Number.POSITIVE_INFINITY];
    this.#disturbances.push(disturbance);
    await work();
    disturbance[1] = Date.now() + afterMs;
  }

  account(): Account {
    const account: Account = {
      sent: 0,
      received: 0,
      unexplained: [],
      explained: 0,
      doubled: 0,
      changed: 0,
    };
    for (const said of this.#said()) {
      if (said.kind === 'count')
        Object.assign(account, { sent: said.sent, received: said.received });
      else if (said.kind === 'doubled') account.doubled++;
      else if (said.kind === 'changed') account.changed++;
      else if (this.#isExplained(said.sentAt)) account.explained++;
      else account.unexplained.push(said.sentAt);
    }
    return account;
  }

  async finish(): Promise<Account> {
    await this.#service.stop('SIGTERM', 15_000);
    return this.account();
  }

  #isExplained(at: number): boolean {
    return this.#disturbances.some(([from, to]) => from <= at && at <= to);
  }

  #said(): Said[] {
    const lines = this.#service.log.split('\n').filter((line) => line.startsWith('{'));
    // The last one may be on its way still.
    return lines.flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Said] : []));
  }
}
