/** What counts as one function in a log of URLs: a rule that is chosen, for logs do not say it. */

/** `none`: one function for all; `host`, `path` (without its query) and `segment` (the path's first) name more. */
export const FUNCTION_NAMINGS = ['none', 'host', 'path', 'segment'] as const;
export type FunctionNaming = (typeof FUNCTION_NAMINGS)[number];

/** The function's name when nothing says another. */
export const ONE_FUNCTION = 'function';

const URL_PARTS = /^(?:[a-z][a-z0-9+.-]*:\/\/([^/?#]*))?([^?#]*)/i;

/** The function that a URL is of; it may be absolute or a path alone. */
export function functionName(url: string, naming: FunctionNaming, host = ''): string {
  if (naming === 'none') return ONE_FUNCTION;
  const [, authority = '', path = ''] = URL_PARTS.exec(url) ?? [];
  if (naming === 'host') return (authority || host).replace(/:\d+$/, '') || '-';
  if (naming === 'path') return path || '/';
  return `/${path.split('/')[1] ?? ''}`;
}

/** Says how functions were named, for the trace's list of what was filled. */
export const saidNaming = (naming: FunctionNaming): string =>
  naming === 'none' ? 'functionName: one function for all requests' : `functionName by the URL's ${naming}`;
