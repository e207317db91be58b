/**
 * Keeps the authorisation server's state in the store, in the shape that oidc-provider asks for. An id may be what a cookie, a code or a
 * token is worth: ids are stored hashed and payloads, which hold them too, sealed, so that a copy of the database gives nobody in.
 */
import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { OauthPayloadTable } from '../store/database.ts';
import { hashSecret } from '../store/identifier.ts';
import type { Store } from '../store/store.ts';

type Row = Pick<OauthPayloadTable, 'payload' | 'expiresAt' | 'consumedAt'>;

export class OauthAdapter implements Adapter {
  readonly #store: Store;
  readonly #model: string;

  constructor(store: Store, model: string) {
    this.#store = store;
    this.#model = model;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const row = {
      payload: this.#store.secrets.seal(this.#sealName, JSON.stringify(payload)),
      grantId: hashedOrNull(payload.grantId),
      userCode: hashedOrNull(payload.userCode),
      uid: hashedOrNull(payload.uid),
      expiresAt: expiresIn === undefined ? null : this.#store.clock() + expiresIn * 1000,
    };
    await this.#store.db
      .insertInto('oauthPayloads')
      .values({ ...row, model: this.#model, id: hashSecret(id), consumedAt: null })
      .onConflict((conflict) => conflict.columns(['model', 'id']).doUpdateSet(row))
      .execute();
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    return this.#findBy('id', id);
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#findBy('uid', uid);
  }

  findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.#findBy('userCode', userCode);
  }

  async consume(id: string): Promise<void> {
    await this.#store.db
      .updateTable('oauthPayloads')
      .set({ consumedAt: this.#store.clock() })
      .where('model', '=', this.#model)
      .where('id', '=', hashSecret(id))
      .execute();
  }

  async destroy(id: string): Promise<void> {
    await this.#store.db
      .deleteFrom('oauthPayloads')
      .where('model', '=', this.#model)
      .where('id', '=', hashSecret(id))
      .execute();
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#store.db
      .deleteFrom('oauthPayloads')
      .where('model', '=', this.#model)
      .where('grantId', '=', hashSecret(grantId))
      .execute();
  }

  async #findBy(
    column: 'id' | 'uid' | 'userCode',
    value: string,
  ): Promise<AdapterPayload | undefined> {
    const row = await this.#store.db
      .selectFrom('oauthPayloads')
      .select(['payload', 'expiresAt', 'consumedAt'])
      .where('model', '=', this.#model)
      .where(column, '=', hashSecret(value))
      .executeTakeFirst();
    return row && this.#isAlive(row) ? this.#payloadOf(row) : undefined;
  }

  get #sealName(): string {
    return `oauth-${this.#model}`;
  }

  #payloadOf({ payload, consumedAt }: Row): AdapterPayload {
    const opened = JSON.parse(this.#store.secrets.open(this.#sealName, payload)) as AdapterPayload;
    return consumedAt === null ? opened : { ...opened, consumed: Math.floor(consumedAt / 1000) };
  }

  #isAlive(row: Row): boolean {
    return row.expiresAt === null || row.expiresAt > this.#store.clock();
  }
}

function hashedOrNull(value: string | undefined): string | null {
  return value === undefined ? null : hashSecret(value);
}
