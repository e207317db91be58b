/**
 * As gateway/contract/device-api.ts has it. The command line imports nothing of the gateway, and starts quicker for it;
 * a test keeps the two equal.
 */
export const DEVICE_REDIRECT_PATH = '/cb';
