/** The file of `--json FILE`. Opened before the first step: nobody waits for the end to hear that it can not be written. */
import { type FileHandle, open } from 'node:fs/promises';

export class AccountFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** What was in it is gone. Rejects with a sentence, as `write` does. */
  static async open(path: string): Promise<AccountFile> {
    try {
      return new AccountFile(path, await open(path, 'w'));
    } catch (cause) {
      throw unwritable(path, cause);
    }
  }

  async write(account: object): Promise<void> {
    try {
      await this.#file.writeFile(`${JSON.stringify(account, null, 2)}\n`);
    } catch (cause) {
      throw unwritable(this.#path, cause);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

function unwritable(path: string, cause: unknown): Error {
  // “ENOENT: no such file or directory, open '…'”
  const [reason] = (cause as Error).message.split(', ');
  return new Error(`can not write ${path}: ${reason}; name another file with --json`, { cause });
}
