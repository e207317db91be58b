/** What else of an engine those need who do not talk to one: where it is, its keys, where `wg` looks. */

export { findEngine } from '../../native/client/binary.ts';
export { generateKeyPair, publicKeyOf } from '../../native/wg/keys.ts';
export { UAPI_FOLDER } from '../../native/wg/uapi-socket.ts';
