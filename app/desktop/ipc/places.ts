/** Where in the window one can be; the empty one shows the state. */
export const places = ['', 'why', 'preferences'] as const;
export type Place = (typeof places)[number];
