/** What was found wrong with this computer: told as notices for as long as it is so. */
import type { Problem } from '../contract/local-api.ts';

export class Findings {
  #all: readonly Problem[];

  constructor(found: readonly Problem[]) {
    this.#all = found;
  }

  get all(): readonly Problem[] {
    return this.#all;
  }

  /** All that is found of one kind now, in place of what was found before; answers whether that is news. */
  replace(code: Problem['code'], found: readonly Problem[]): boolean {
    const before = this.#all.filter((each) => each.code === code);
    this.#all = [...this.#all.filter((each) => each.code !== code), ...found];
    return JSON.stringify(before) !== JSON.stringify(found);
  }
}
