import { type Said, sentenceOf } from '../../contract/said.ts';

/** An error that nobody up the stack can act on: a stable code, a sentence for people, and its cause. */
export class Fault extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'Fault';
    this.code = code;
  }
}

/** A request that is answered with a problem body: what is, and what to do. */
export class Refusal extends Fault {
  readonly status: number;
  readonly field: string | undefined;
  /** Of a sentence that the dashboard words in its reader's language. */
  readonly detail: Said['detail'] | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    field?: string,
    detail?: Said['detail'],
  ) {
    super(code, message);
    this.name = 'Refusal';
    this.status = status;
    this.field = field;
    this.detail = detail;
  }

  static saying(status: number, says: Said, field?: string): Refusal {
    return new Refusal(status, says.code, sentenceOf(says), field, says.detail);
  }
}
