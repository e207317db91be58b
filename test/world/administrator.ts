/** An administrator in a real browser: signed in at the dashboard, calling the API with the session that the page has. */
import type { BrowserContext, Page } from 'playwright-core';
import type {
  ConnectorInstall,
  Device,
  Network,
  Profile,
  Rule,
  RuleInput,
} from '../../gateway/contract/admin-api.ts';
import type { SplitTunnel } from '../../gateway/contract/snapshot.ts';
import { type LabBrowser, openAddress, signInAtProvider } from './browser.ts';
import { GATEWAY_URL, type Person } from './provider.ts';

export class Administrator {
  readonly page: Page;
  readonly #context: BrowserContext;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
  }

  static async signIn(browser: LabBrowser, person: Person): Promise<Administrator> {
    const administrator = await Administrator.arrive(browser, person);
    await administrator.page.getByRole('heading', { name: 'Overview' }).waitFor();
    return administrator;
  }

  /** Signed in, whatever the person may see then. */
  static async arrive(browser: LabBrowser, person: Person): Promise<Administrator> {
    const context = await browser.context();
    const page = await context.newPage();
    await openAddress(page, `${GATEWAY_URL}/`);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await signInAtProvider(page, person.username, person.password);
    return new Administrator(context, page);
  }

  /** Another tab of the same browser. */
  async openPage(): Promise<Page> {
    const page = await this.#context.newPage();
    await openAddress(page, `${GATEWAY_URL}/`);
    return page;
  }

  async createNetwork(name: string): Promise<Network> {
    return await this.#call('POST', 'networks', { name });
  }

  async networks(): Promise<Network[]> {
    return await this.#call('GET', 'networks');
  }

  async network(id: string): Promise<Network> {
    return await this.#call('GET', `networks/${id}`);
  }

  async addRange(id: string, cidr: string): Promise<Network> {
    return await this.#call('POST', `networks/${id}/ranges`, { cidr });
  }

  async removeRange(id: string, cidr: string): Promise<Network> {
    return await this.#call('DELETE', `networks/${id}/ranges?cidr=${encodeURIComponent(cidr)}`);
  }

  async connectorLine(id: string): Promise<ConnectorInstall> {
    return await this.#call('POST', `networks/${id}/connector-token`, {});
  }

  async devices(): Promise<Device[]> {
    return await this.#call('GET', 'devices');
  }

  async removeDevice(id: string): Promise<void> {
    await this.#call('DELETE', `devices/${id}`);
  }

  async removeConnector(id: string): Promise<void> {
    await this.#call('DELETE', `connectors/${id}`);
  }

  async allow(name: string, networkId: string, parts: Partial<RuleInput> = {}): Promise<Rule> {
    const rule: RuleInput = {
      name,
      action: 'allow',
      subjects: [{ kind: 'everyone' }],
      networkIds: [networkId],
      ranges: [],
      protocol: 'any',
      ports: [],
      enabled: true,
    };
    return await this.#call('POST', 'rules', { ...rule, ...parts });
  }

  /** The first rule that matches decides. */
  async putFirst(ruleId: string): Promise<void> {
    const rules: Rule[] = await this.#call('GET', 'rules');
    const others = rules.map((rule) => rule.id).filter((id) => id !== ruleId);
    await this.#call('POST', 'rules/order', { ids: [ruleId, ...others] });
  }

  async changeRule(id: string, parts: Partial<RuleInput>): Promise<Rule> {
    return await this.#call('PATCH', `rules/${id}`, parts);
  }

  async orderRules(ids: string[]): Promise<Rule[]> {
    return await this.#call('POST', 'rules/order', { ids });
  }

  async defaultProfile(): Promise<Profile> {
    const profiles: Profile[] = await this.#call('GET', 'profiles');
    const profile = profiles.find((one) => one.isDefault);
    if (!profile) throw new Error('there is no default profile');
    return profile;
  }

  async saveSplitTunnel(profileId: string, splitTunnel: SplitTunnel): Promise<Profile> {
    return await this.#call('PATCH', `profiles/${profileId}`, { splitTunnel });
  }

  async close(): Promise<void> {
    await this.#context.close();
  }

  /** From inside the page, with its cookie, as the dashboard itself does. */
  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    return (await this.page.evaluate(
      async ([method, path, body]) => {
        const answer = await fetch(`/v1/admin/${path}`, {
          method: method as string,
          headers: {
            'culvert-csrf': '1',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
        return text === '' ? undefined : JSON.parse(text);
      },
      [method, path, body] as const,
    )) as T;
  }
}
