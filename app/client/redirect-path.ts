/**
 * As gateway/contract/device-api.ts has it. Front ends import nothing of the gateway, and start quicker for it;
 * a test keeps the two equal.
 */
export const DEVICE_REDIRECT_PATH = '/cb';
