import type { RoutesAnswer } from '../contract/local-api.ts';
import { padCells, sentence, type View, widest } from './view.ts';
import { WORDS } from './words.ts';

export function routeLines({ routes, defaultPath }: RoutesAnswer, view: View): string[] {
  const words = WORDS[view.language];
  if (routes.length === 0) return [words.noRoutes];
  const cidrs = widest(routes.map(({ cidr }) => cidr)) + 2;
  const paths = widest(routes.map(({ path }) => path)) + 2;
  const lines = routes.map(
    ({ cidr, path, because }) =>
      padCells(cidr, cidrs) + padCells(path, paths) + view.colors.dim(sentence(because, view)),
  );
  return [...lines, view.colors.dim(words.defaultPath(defaultPath))];
}
