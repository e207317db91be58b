/** Frozen: a released migration never changes; write the next one. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/** Types that mean the same to SQLite and PostgreSQL. `bigint` holds Unix milliseconds. */
const statements = [
  `create table organisations (
    id text primary key, name text not null, provider text, owner_email text,
    setup_code_hash text, setup_expires_at bigint,
    overlay_ipv4 text not null, overlay_ipv6 text not null,
    session_seconds integer not null, contact text, created_at bigint not null)`,
  `create table secrets (name text primary key, sealed text not null)`,
  `create table counters (name text primary key, value bigint not null)`,
  `create table users (
    id text primary key, issuer text not null, subject text not null, email text not null, name text not null,
    role text not null check (role in ('owner', 'admin', 'member')),
    created_at bigint not null, last_sign_in_at bigint, unique (issuer, subject))`,
  `create table user_groups (
    user_id text not null references users (id) on delete cascade, name text not null, primary key (user_id, name))`,
  `create table peers (
    id text primary key, kind text not null check (kind in ('device', 'connector')),
    wireguard_key text not null unique, identity_key text not null, identity_thumbprint text not null unique,
    host integer not null unique, ipv4 text not null unique, ipv6 text not null unique)`,
  `create table retired_keys (key text primary key, owner text not null)`,
  `create table profiles (
    id text primary key, name text not null, is_default integer not null, split_tunnel text not null)`,
  `create table devices (
    id text primary key references peers (id) on delete cascade,
    user_id text not null references users (id) on delete cascade,
    profile_id text references profiles (id) on delete set null,
    name text not null, os text not null, os_version text, client_version text not null,
    enrolled_at bigint not null, session_expires_at bigint not null,
    applied_revision bigint, problem text, last_seen_at bigint)`,
  `create index devices_of_user on devices (user_id)`,
  `create table networks (id text primary key, name text not null unique, created_at bigint not null)`,
  `create table ranges (
    network_id text not null references networks (id) on delete cascade, cidr text not null,
    created_at bigint not null, primary key (network_id, cidr))`,
  `create table connectors (
    id text primary key references peers (id) on delete cascade,
    network_id text not null references networks (id) on delete cascade,
    name text not null, version text not null, joined_at bigint not null,
    applied_revision bigint, problem text, health text, last_seen_at bigint)`,
  `create index connectors_of_network on connectors (network_id)`,
  `create table connector_tokens (
    id text primary key, network_id text not null references networks (id) on delete cascade,
    secret_hash text not null unique, created_by text not null, created_at bigint not null,
    expires_at bigint not null, used_at bigint, used_by text)`,
  `create table rules (
    id text primary key, number integer not null, name text not null,
    action text not null check (action in ('allow', 'block')),
    subjects text not null, network_ids text not null, ranges text not null,
    protocol text not null, ports text not null, enabled integer not null)`,
  `create table audit (
    id bigint primary key, at bigint not null, who text not null, what text not null,
    "before" text not null, "after" text not null, previous_hash text not null, hash text not null)`,
  `create table oauth_payloads (
    model text not null, id text not null, payload text not null, grant_id text, user_code text, uid text,
    expires_at bigint, consumed_at bigint, primary key (model, id))`,
  `create index oauth_payloads_of_grant on oauth_payloads (grant_id)`,
  `create index oauth_payloads_by_uid on oauth_payloads (uid)`,
  `create index oauth_payloads_by_expiry on oauth_payloads (expires_at)`,
  `create table browser_sessions (
    id_hash text primary key, user_id text not null references users (id) on delete cascade,
    created_at bigint not null, expires_at bigint not null)`,
  `create table sign_ins (
    state_hash text primary key, browser_hash text not null, code_verifier text not null, nonce text not null,
    return_to text not null, expires_at bigint not null)`,
  `create table used_proofs (id text primary key, expires_at bigint not null)`,
  `create index used_proofs_by_expiry on used_proofs (expires_at)`,
  `insert into counters (name, value) values ('revision', 0)`,
];
