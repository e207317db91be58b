import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the checkout. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
/** What set-up remembers and fetches; ignored by git. */
export const cache = path.join(root, '.cache');
