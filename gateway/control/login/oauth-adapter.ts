/** Keeps the authorisation server's state in the store, in the shape that oidc-provider asks for. */
import type { Adapter, AdapterPayload } from 'oidc-provider';
import type { OauthPayloadTable } from '../store/database.ts';
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
      payload: JSON.stringify(payload),
      grantId: payload.grantId ?? null,
      userCode: payload.userCode ?? null,
      uid: payload.uid ?? null,
      expiresAt: expiresIn === undefined ? null : this.#store.clock() + expiresIn * 1000,
    };
    await this.#store.db
      .insertInto('oauthPayloads')
      .values({ ...row, model: this.#model, id, consumedAt: null })
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
      .where('id', '=', id)
      .execute();
  }

  async destroy(id: string): Promise<void> {
    await this.#store.db
      .deleteFrom('oauthPayloads')
      .where('model', '=', this.#model)
      .where('id', '=', id)
      .execute();
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#store.db
      .deleteFrom('oauthPayloads')
      .where('model', '=', this.#model)
      .where('grantId', '=', grantId)
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
      .where(column, '=', value)
      .executeTakeFirst();
    return row && this.#isAlive(row) ? payloadOf(row) : undefined;
  }

  #isAlive(row: Row): boolean {
    return row.expiresAt === null || row.expiresAt > this.#store.clock();
  }
}

function payloadOf(row: Row): AdapterPayload {
  const payload = JSON.parse(row.payload) as AdapterPayload;
  return row.consumedAt === null
    ? payload
    : { ...payload, consumed: Math.floor(row.consumedAt / 1000) };
}
