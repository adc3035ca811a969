/** What the API says when it refuses: application/problem+json. */
export interface Violation {
  path: string;
  message: string;
}

/** An answer of the API that is no success. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly reason = "",
    readonly violations: Violation[] = [],
    readonly requestId = "",
  ) {
    super(message);
    this.name = "Problem";
  }
}

/** The server did not answer, or says that it cannot now. Trying again helps. */
export class Unreachable extends Error {
  constructor() {
    super("unreachable");
    this.name = "Unreachable";
  }
}

export const isStale = (error: unknown): boolean => error instanceof Problem && error.status === 412;

export const isNotFound = (error: unknown): boolean => error instanceof Problem && error.status === 404;
