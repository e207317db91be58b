/** The two lists of a split tunnel, by the names that they have in it. */
export type ListName = 'include' | 'exclude';
