/** Set by the bundler; a checkout that runs its sources says so. */
declare const CULVERT_VERSION: string | undefined;

export const VERSION = typeof CULVERT_VERSION === 'string' ? CULVERT_VERSION : 'development';
