/** Talks to a host's admin listener. Its errors keep the code that the host gave them. */
import { CodedError, ERRORS, type ErrorBody, type ErrorCode } from '../metering/errors.ts';

export const DEFAULT_HOST = 'http://127.0.0.1:7071';

function isErrorBody(value: unknown): value is ErrorBody {
  const code = (value as ErrorBody | null)?.error?.code;
  return typeof code === 'string' && code in ERRORS;
}

export class AdminClient {
  readonly #base: URL;

  /** @throws CodedError `value-invalid` */
  constructor(hostUrl: string) {
    const base = URL.parse(hostUrl);
    if (!base || !/^https?:$/.test(base.protocol)) {
      throw new CodedError(
        'value-invalid',
        `--host: expected a URL such as ${DEFAULT_HOST}, got ${JSON.stringify(hostUrl)}`,
      );
    }
    this.#base = base;
  }

  /**
   * Asks for JSON. `query` entries that are undefined are left out.
   * @throws CodedError what the host answered, or `host-unreachable`.
   */
  async json<T>(
    path: string,
    query: Readonly<Record<string, string | undefined>> = {},
    init: RequestInit = {},
  ): Promise<T> {
    const response = await this.response(path, query, init);
    return (await response.json()) as T;
  }

  /** The same, with the body still to be read and the status at hand. */
  async response(
    path: string,
    query: Readonly<Record<string, string | undefined>> = {},
    init: RequestInit = {},
  ): Promise<Response> {
    const url = new URL(path, this.#base);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, value);
    const response = await this.#fetch(url, init);
    if (response.ok) return response;
    const text = await response.text();
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      body = undefined;
    }
    if (isErrorBody(body))
      throw new CodedError(body.error.code as ErrorCode, body.error.message, body.error.details);
    throw new CodedError(
      'host-unreachable',
      `expected an answer of an Ebb host at ${url.origin}, got status ${response.status}`,
    );
  }

  async #fetch(url: URL, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, init);
    } catch (thrown) {
      const cause = (thrown as Error).cause as
        | { readonly code?: string; readonly message?: string }
        | undefined;
      const reason = cause?.code ?? cause?.message ?? (thrown as Error).message;
      throw new CodedError(
        'host-unreachable',
        `no host answers at ${url.origin} (${reason}): start one with \`ebb serve\`, or name its admin address with --host`,
      );
    }
  }
}
